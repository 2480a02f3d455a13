#pragma once

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <type_traits>
#include <utility>

namespace strata::ops {

/// Calls a kernel on raw memory through LibTorch's dispatcher, under the name it is registered by, below autograd.
/// torch.compile and torch.export run the code of operators on tensors without memory; what is called here appears in
/// their graphs as one node, and its shapes come from its Meta kernel. `kernel` is the function registered for the CPU.
template <auto kernel, class... Args>
auto dispatch(const char* name, Args&&... args) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<std::remove_pointer_t<decltype(kernel)>>();
  const at::AutoDispatchBelowADInplaceOrView below;
  return op.call(std::forward<Args>(args)...);
}

/// Declares such a kernel: a name that begins with an underscore, no derivative of its own (asking for one throws).
/// Memory layouts are kept as they were traced.
void raw_op(torch::Library& library, const char* schema);

/// What Meta kernels return: a contiguous tensor like this one; [rows] for x [rows, channels].
at::Tensor plain_like(const at::Tensor& tensor);
at::Tensor per_row(const at::Tensor& x);

}  // namespace strata::ops
