#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace strata::ops {

/// While one lives, operators of this thread run as composites of plain ATen calls, which can be differentiated to any
/// order: for meta-learning, gradient checks and comparisons with the fused levels.
class CompositeGuard {
 public:
  explicit CompositeGuard(bool composite = true);
  ~CompositeGuard();
  CompositeGuard(const CompositeGuard&) = delete;
  CompositeGuard& operator=(const CompositeGuard&) = delete;

 private:
  bool before_;
};

bool composite_only();

/// Whether a fused level may serve these tensors: float32 on the CPU, no guard, no autocast. Undefined tensors are
/// passed over.
bool fused(std::initializer_list<const at::Tensor*> tensors);

/// Gradients made by a raw kernel inside backward have no history of their own, so differentiating them again would
/// silently leave terms out. Called at the end of a fused backward with all it read, this makes that second
/// differentiation throw, naming the operator.
void differentiable_once(const char* op, const std::vector<at::Tensor>& inputs, std::vector<at::Tensor>& gradients);

}  // namespace strata::ops
