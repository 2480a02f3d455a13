#include "strata/ops/loss.h"

#include <torch/csrc/autograd/custom_function.h>

#include "strata/base/error.h"
#include "strata/kernels/cross_entropy.h"
#include "strata/ops/mode.h"

namespace strata::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The gradient is made together with the loss, in one pass over the logits.
struct FusedCrossEntropy : torch::autograd::Function<FusedCrossEntropy> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& targets,
                            double smoothing) {
    const at::Tensor logits = input.contiguous(), wanted = targets.contiguous();
    const int64_t rows = logits.size(0);
    at::Tensor loss = at::empty({rows}, logits.options()), gradient = at::empty_like(logits);
    strata::cross_entropy({.rows = rows,
                           .classes = logits.size(1),
                           .logits = logits.const_data_ptr<float>(),
                           .targets = wanted.const_data_ptr<int64_t>(),
                           .smoothing = static_cast<float>(smoothing),
                           .scale = 1.0F / static_cast<float>(rows),
                           .loss = loss.mutable_data_ptr<float>(),
                           .dlogits = gradient.mutable_data_ptr<float>()});
    context->save_for_backward({input, gradient});
    return loss.mean();
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
  if (logits.dim() != 2 || targets.dim() != 1 || targets.size(0) != logits.size(0) ||
      targets.scalar_type() != at::kLong)
    fail("cross_entropy: expected logits [rows, classes] and int64 targets [rows], got ", logits.sizes(), " and ",
         targets.sizes());
  if (logits.size(0) > 0 && targets.is_cpu() && fused({&logits}))
    return FusedCrossEntropy::apply(logits, targets, smoothing);
  return at::cross_entropy_loss(logits, targets, {}, /*reduction=*/1, /*ignore_index=*/-100, smoothing);
}

}  // namespace strata::ops
