#include "strata/ops/loss.h"

#include <torch/csrc/autograd/custom_function.h>

#include "strata/base/error.h"
#include "strata/kernels/cross_entropy.h"
#include "strata/ops/dispatch.h"
#include "strata/ops/mode.h"

namespace strata::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The gradient is made together with the loss, in one pass over the logits. -> loss [], its gradient [rows, classes]
std::tuple<at::Tensor, at::Tensor> raw_cross_entropy(const at::Tensor& input, const at::Tensor& targets,
                                                     double smoothing) {
  const at::Tensor logits = input.contiguous(), wanted = targets.contiguous();
  const int64_t rows = logits.size(0);
  const int64_t counted = rows - at::sum(wanted == CrossEntropy::kIgnoreTarget).item<int64_t>();
  at::Tensor loss = at::empty({rows}, logits.options()), gradient = at::empty_like(logits);
  strata::cross_entropy({.rows = rows,
                         .classes = logits.size(1),
                         .logits = logits.const_data_ptr<float>(),
                         .targets = wanted.const_data_ptr<int64_t>(),
                         .smoothing = static_cast<float>(smoothing),
                         .scale = 1.0F / static_cast<float>(counted),
                         .loss = loss.mutable_data_ptr<float>(),
                         .dlogits = gradient.mutable_data_ptr<float>()});
  return {loss.sum() / counted, gradient};
}

struct FusedCrossEntropy : torch::autograd::Function<FusedCrossEntropy> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& targets,
                            double smoothing) {
    auto [loss, gradient] = dispatch<raw_cross_entropy>("strata::_cross_entropy", input, targets, smoothing);
    context->save_for_backward({input, gradient});
    return loss;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    variable_list result{saved[1] * gradients[0], at::Tensor(), at::Tensor()};
    if (at::GradMode::is_enabled()) result[0] = result[0].detach();
    differentiable_once("cross_entropy", {saved[0], gradients[0]}, result);
    return result;
  }
};

}  // namespace

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& targets, double smoothing) {
  if (logits.dim() != 2 || targets.dim() != 1 || targets.sym_size(0) != logits.sym_size(0) ||
      targets.scalar_type() != at::kLong)
    fail("cross_entropy: expected logits [rows, classes] and int64 targets [rows], got ", logits.sym_sizes(), " and ",
         targets.sym_sizes());
  if (targets.is_cpu() && fused({&logits})) return FusedCrossEntropy::apply(logits, targets, smoothing);
  return at::cross_entropy_loss_symint(logits, targets, {}, /*reduction=*/1, CrossEntropy::kIgnoreTarget, smoothing);
}

TORCH_LIBRARY_FRAGMENT(strata, library) {
  raw_op(library, "_cross_entropy(Tensor logits, Tensor targets, float smoothing) -> (Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(strata, CPU, library) {
  library.impl("_cross_entropy", raw_cross_entropy);
}
TORCH_LIBRARY_IMPL(strata, Meta, library) {
  library.impl("_cross_entropy",
               [](const at::Tensor& logits, const at::Tensor&, double) -> std::tuple<at::Tensor, at::Tensor> {
                 return {logits.new_empty({}), plain_like(logits)};
               });
}

}  // namespace strata::ops
