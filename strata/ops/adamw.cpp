#include "strata/ops/adamw.h"

#include <ATen/ATen.h>
#include <torch/library.h>

#include <algorithm>
#include <vector>

#include "strata/base/error.h"

namespace strata::ops {
namespace {

bool plain(const at::Tensor& value) {
  return value.scalar_type() == at::kFloat && value.is_cpu() && value.is_contiguous();
}

void check(at::TensorList params, at::TensorList like, const char* what) {
  if (params.size() != like.size())
    fail("adamw_: expected ", what, " for each of ", params.size(), " parameters, got ", like.size());
  for (size_t i = 0; i < params.size(); ++i)
    if (params[i].sym_sizes() != like[i].sym_sizes() || params[i].scalar_type() != like[i].scalar_type())
      fail("adamw_: expected ", what, " ", i, " like its parameter, ", params[i].sym_sizes(), " of type ",
           c10::toString(params[i].scalar_type()), ", got ", like[i].sym_sizes(), " of type ",
           c10::toString(like[i].scalar_type()));
}

void check_all(at::TensorList params, at::TensorList grads, at::TensorList first, at::TensorList second, int64_t step) {
  check(params, grads, "a gradient");
  check(params, first, "a first moment");
  check(params, second, "a second moment");
  if (step < 1) fail("adamw_: expected steps counted from 1, got ", step);
}

}  // namespace

void adamw_(at::TensorList params, at::TensorList grads, at::TensorList first, at::TensorList second, int64_t step,
            double weight_decay, const AdamwOptions& options) {
  check_all(params, grads, first, second, step);
  const at::NoGradGuard no_grad;
  const auto all_plain = [](at::TensorList tensors) { return std::all_of(tensors.begin(), tensors.end(), plain); };
  if (!all_plain(params) || !all_plain(first) || !all_plain(second)) {
    std::vector<at::Tensor> steps, scaled;
    for (size_t i = 0; i < params.size(); ++i) {
      steps.push_back(at::full({}, static_cast<double>(step), params[i].options().dtype(at::kFloat)));
      scaled.push_back(grads[i] * options.grad_scale);
    }
    at::_fused_adamw_(params, scaled, first, second, {}, steps, options.learning_rate, options.beta1, options.beta2,
                      weight_decay, options.eps, /*amsgrad=*/false, /*maximize=*/false);
    return;
  }
  std::vector<AdamwTensor> tensors;
  std::vector<at::Tensor> kept;  // gradients that had to be straightened
  for (size_t i = 0; i < params.size(); ++i) {
    kept.push_back(grads[i].contiguous());
    tensors.push_back({.count = params[i].numel(),
                       .param = params[i].mutable_data_ptr<float>(),
                       .grad = kept.back().const_data_ptr<float>(),
                       .first = first[i].mutable_data_ptr<float>(),
                       .second = second[i].mutable_data_ptr<float>(),
                       .weight_decay = weight_decay,
                       .step = step});
  }
  adamw(tensors, options);
}

namespace {

void python_adamw(at::TensorList params, at::TensorList grads, at::TensorList first, at::TensorList second,
                  int64_t step, double lr, double beta1, double beta2, double eps, double weight_decay,
                  double grad_scale) {
  adamw_(params, grads, first, second, step, weight_decay,
         {.learning_rate = lr, .beta1 = beta1, .beta2 = beta2, .eps = eps, .grad_scale = grad_scale});
}

// What LibTorch does for its own in-place operators: leaves are not written while a graph is recorded, and a graph that
// holds what was written notices.
void in_place_adamw(at::TensorList params, at::TensorList grads, at::TensorList first, at::TensorList second,
                    c10::SymInt step, double lr, double beta1, double beta2, double eps, double weight_decay,
                    double grad_scale) {
  using Schema = void(at::TensorList, at::TensorList, at::TensorList, at::TensorList, c10::SymInt, double, double,
                      double, double, double, double);
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("strata::adamw_", "").typed<Schema>();
  if (at::GradMode::is_enabled())
    for (const at::TensorList written : {params, first, second})
      for (const auto& tensor : written)
        if (tensor.requires_grad())
          fail("adamw_: writes in place to a tensor that requires grad; call it under torch.no_grad()");
  {
    const at::AutoDispatchBelowADInplaceOrView below;
    op.call(params, grads, first, second, std::move(step), lr, beta1, beta2, eps, weight_decay, grad_scale);
  }
  for (const at::TensorList written : {params, first, second})
    for (const auto& tensor : written)
      if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(strata, library) {
  library.def(
      "adamw_(Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] first, Tensor(c!)[] second, SymInt step, float lr, "
      "float beta1=0.9, float beta2=0.999, float eps=1e-8, float weight_decay=0.01, float grad_scale=1.0) -> ()",
      {at::Tag::needs_fixed_stride_order, at::Tag::pt2_compliant_tag});
}
TORCH_LIBRARY_IMPL(strata, CompositeExplicitAutograd, library) {
  library.impl("adamw_", python_adamw);
}
TORCH_LIBRARY_IMPL(strata, Meta, library) {
  library.impl("adamw_",
               [](at::TensorList params, at::TensorList grads, at::TensorList first, at::TensorList second, c10::SymInt,
                  double, double, double, double, double, double) { check_all(params, grads, first, second, 1); });
}
TORCH_LIBRARY_IMPL(strata, Autograd, library) {
  library.impl("adamw_", in_place_adamw);
}

}  // namespace strata::ops
