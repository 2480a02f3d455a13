#include "strata/ops/activation.h"

#include <torch/csrc/autograd/custom_function.h>

#include "strata/kernels/activation.h"
#include "strata/ops/mode.h"

namespace strata::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct FusedGelu : torch::autograd::Function<FusedGelu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input) {
    const at::Tensor x = input.contiguous();
    at::Tensor y = at::empty_like(x);
    gelu_forward(
        {.rows = x.size(0), .channels = x.size(1), .x = x.const_data_ptr<float>(), .y = y.mutable_data_ptr<float>()});
    context->save_for_backward({x});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor x = context->get_saved_variables()[0], dy = gradients[0].contiguous();
    at::Tensor dx = at::empty_like(x);
    gelu_backward({.rows = x.size(0),
                   .channels = x.size(1),
                   .dy = dy.const_data_ptr<float>(),
                   .x = x.const_data_ptr<float>(),
                   .dx = dx.mutable_data_ptr<float>()});
    variable_list result{dx};
    differentiable_once("gelu", {x, gradients[0]}, result);
    return result;
  }
};

struct FusedSwiglu : torch::autograd::Function<FusedSwiglu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input) {
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
    context->save_for_backward({x});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor x = context->get_saved_variables()[0], dy = gradients[0].contiguous();
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
    variable_list result{dx};
    differentiable_once("swiglu", {x, gradients[0]}, result);
    return result;
  }
};

}  // namespace

at::Tensor gelu(const at::Tensor& x) {
  return x.dim() == 2 && fused({&x}) ? FusedGelu::apply(x) : at::gelu(x);
}

at::Tensor swiglu(const at::Tensor& x) {
  if (x.dim() == 2 && x.size(1) % 2 == 0 && fused({&x})) return FusedSwiglu::apply(x);
  const auto halves = x.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

}  // namespace strata::ops
