#include "strata/ops/mode.h"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/functions/basic_ops.h>
#include <torch/csrc/autograd/functions/utils.h>

#include "strata/ops/torch_compat.h"

namespace strata::ops {
namespace {
thread_local bool composite = false;
}  // namespace

CompositeGuard::CompositeGuard(bool on) : before_(composite) {
  composite = on;
}
CompositeGuard::~CompositeGuard() {
  composite = before_;
}
bool composite_only() {
  return composite;
}

bool fused(std::initializer_list<const at::Tensor*> tensors) {
  if (composite || at::autocast::is_autocast_enabled(at::kCPU)) return false;
  for (const at::Tensor* tensor : tensors)
    if (tensor->defined() && (tensor->scalar_type() != at::kFloat || !tensor->is_cpu() || tensor->is_sparse()))
      return false;
  return true;
}

void differentiable_once(const char* op, const std::vector<at::Tensor>& inputs, std::vector<at::Tensor>& gradients) {
  if (!at::GradMode::is_enabled() || !torch::autograd::any_variable_requires_grad(inputs)) return;
  const auto error = make_node<torch::autograd::Error>(
      std::string(op) +
          ": the fused operator can be differentiated once; run under ops::CompositeGuard for higher derivatives",
      torch::autograd::collect_next_edges(inputs));
  for (auto& gradient : gradients)
    if (gradient.defined()) torch::autograd::create_gradient_edge(gradient, error);
}

}  // namespace strata::ops
