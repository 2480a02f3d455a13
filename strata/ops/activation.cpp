#include "strata/ops/activation.h"

#include <torch/csrc/autograd/custom_function.h>

#include "strata/base/error.h"
#include "strata/ops/dispatch.h"
#include "strata/ops/mode.h"

namespace strata::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// ---- kernels as operators -------------------------------------------------------------------------------------------

at::Tensor raw_gelu(const at::Tensor& input, bool tanh) {
  const at::Tensor x = input.contiguous();
  at::Tensor y = at::empty_like(x);
  gelu_forward({.tanh = tanh,
                .rows = x.size(0),
                .channels = x.size(1),
                .x = x.const_data_ptr<float>(),
                .y = y.mutable_data_ptr<float>()});
  return y;
}

at::Tensor raw_gelu_backward(const at::Tensor& upstream, const at::Tensor& input, bool tanh) {
  const at::Tensor x = input.contiguous(), dy = upstream.contiguous();
  at::Tensor dx = at::empty_like(x);
  gelu_backward({.tanh = tanh,
                 .rows = x.size(0),
                 .channels = x.size(1),
                 .dy = dy.const_data_ptr<float>(),
                 .x = x.const_data_ptr<float>(),
                 .dx = dx.mutable_data_ptr<float>()});
  return dx;
}

at::Tensor raw_swiglu(const at::Tensor& input) {
  const at::Tensor x = input.contiguous();
  const int64_t hidden = x.size(1) / 2;
  at::Tensor y = at::empty({x.size(0), hidden}, x.options());
  const float* gate = x.const_data_ptr<float>();
  swiglu_forward({.rows = x.size(0),
                  .channels = hidden,
                  .stride = x.size(1),
                  .gate = gate,
                  .up = gate + hidden,
                  .y = y.mutable_data_ptr<float>()});
  return y;
}

at::Tensor raw_swiglu_backward(const at::Tensor& upstream, const at::Tensor& input) {
  const at::Tensor x = input.contiguous(), dy = upstream.contiguous();
  const int64_t hidden = x.size(1) / 2;
  at::Tensor dx = at::empty_like(x);
  const float* gate = x.const_data_ptr<float>();
  float* dgate = dx.mutable_data_ptr<float>();
  swiglu_backward({.rows = x.size(0),
                   .channels = hidden,
                   .stride = x.size(1),
                   .dy = dy.const_data_ptr<float>(),
                   .gate = gate,
                   .up = gate + hidden,
                   .dgate = dgate,
                   .dup = dgate + hidden});
  return dx;
}

// ---- with their gradients -------------------------------------------------------------------------------------------

struct FusedGelu : torch::autograd::Function<FusedGelu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, bool tanh) {
    const at::Tensor x = input.contiguous();
    context->save_for_backward({x});
    context->saved_data["tanh"] = tanh;
    return dispatch<raw_gelu>("strata::_gelu", x, tanh);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    const bool tanh = context->saved_data["tanh"].toBool();
    variable_list result{dispatch<raw_gelu_backward>("strata::_gelu_backward", gradients[0], x, tanh), at::Tensor()};
    differentiable_once("gelu", {x, gradients[0]}, result);
    return result;
  }
};

struct FusedSwiglu : torch::autograd::Function<FusedSwiglu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input) {
    const at::Tensor x = input.contiguous();
    context->save_for_backward({x});
    return dispatch<raw_swiglu>("strata::_swiglu", x);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    variable_list result{dispatch<raw_swiglu_backward>("strata::_swiglu_backward", gradients[0], x)};
    differentiable_once("swiglu", {x, gradients[0]}, result);
    return result;
  }
};

}  // namespace

at::Tensor gelu(const at::Tensor& x) {
  return x.dim() == 2 && fused({&x}) ? FusedGelu::apply(x, false) : at::gelu(x);
}

at::Tensor gelu_tanh(const at::Tensor& x) {
  return x.dim() == 2 && fused({&x}) ? FusedGelu::apply(x, true) : at::gelu(x, "tanh");
}

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::gelu:
      return ops::gelu(x);
    case Activation::gelu_tanh:
      return gelu_tanh(x);
    case Activation::quick_gelu:
      return x * at::sigmoid(1.702 * x);
    case Activation::relu:
      return at::relu(x);
    case Activation::silu:
      return at::silu(x);
  }
  fail("activation: no such value ", static_cast<int>(activation));
}

at::Tensor gated(Activation activation, const at::Tensor& x) {
  if (activation == Activation::silu) return swiglu(x);
  if (x.dim() < 1 || x.sym_size(-1) % 2 != 0)
    fail("gated: expected x [..., 2 hidden], gate and up side by side, got ", x.sym_sizes());
  const auto halves = x.chunk(2, -1);
  return activate(activation, halves[0]) * halves[1];
}

at::Tensor swiglu(const at::Tensor& x) {
  if (x.dim() < 1 || x.sym_size(-1) % 2 != 0)
    fail("swiglu: expected x [..., 2 hidden], gate and up side by side, got ", x.sym_sizes());
  if (x.dim() == 2 && fused({&x})) return FusedSwiglu::apply(x);
  const auto halves = x.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

TORCH_LIBRARY_FRAGMENT(strata, library) {
  raw_op(library, "_gelu(Tensor x, bool tanh) -> Tensor");
  raw_op(library, "_gelu_backward(Tensor dy, Tensor x, bool tanh) -> Tensor");
  raw_op(library, "_swiglu(Tensor x) -> Tensor");
  raw_op(library, "_swiglu_backward(Tensor dy, Tensor x) -> Tensor");
}
TORCH_LIBRARY_IMPL(strata, CPU, library) {
  library.impl("_gelu", raw_gelu);
  library.impl("_gelu_backward", raw_gelu_backward);
  library.impl("_swiglu", raw_swiglu);
  library.impl("_swiglu_backward", raw_swiglu_backward);
}
TORCH_LIBRARY_IMPL(strata, Meta, library) {
  library.impl("_gelu", [](const at::Tensor& x, bool) { return plain_like(x); });
  library.impl("_gelu_backward", [](const at::Tensor&, const at::Tensor& x, bool) { return plain_like(x); });
  library.impl("_swiglu", [](const at::Tensor& x) { return x.new_empty_symint({x.sym_size(0), x.sym_size(1) / 2}); });
  library.impl("_swiglu_backward", [](const at::Tensor&, const at::Tensor& x) { return plain_like(x); });
}

}  // namespace strata::ops
