#include "strata/ops/norm.h"

#include <torch/csrc/autograd/custom_function.h>

#include "strata/kernels/norm.h"
#include "strata/ops/mode.h"

namespace strata::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const float* data(const at::Tensor& tensor) {
  return tensor.const_data_ptr<float>();
}

struct FusedLayerNorm : torch::autograd::Function<FusedLayerNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& gain,
                            const at::Tensor& bias, double eps) {
    const at::Tensor x = input.contiguous();
    at::Tensor y = at::empty_like(x), mean = at::empty({x.size(0)}, x.options()), rstd = at::empty_like(mean);
    layer_norm_forward({.rows = x.size(0),
                        .channels = x.size(1),
                        .x = data(x),
                        .gain = data(gain),
                        .bias = data(bias),
                        .eps = static_cast<float>(eps),
                        .y = y.mutable_data_ptr<float>(),
                        .mean = mean.mutable_data_ptr<float>(),
                        .rstd = rstd.mutable_data_ptr<float>()});
    context->save_for_backward({x, gain, mean, rstd});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &gain = saved[1], dy = gradients[0].contiguous();
    at::Tensor dx = at::empty_like(x), dgain = at::empty_like(gain), dbias = at::empty_like(gain);
    layer_norm_backward({.rows = x.size(0),
                         .channels = x.size(1),
                         .dy = data(dy),
                         .stream = data(x),
                         .mean = data(saved[2]),
                         .rstd = data(saved[3]),
                         .gain = data(gain),
                         .dstream = dx.mutable_data_ptr<float>(),
                         .dgain = dgain.mutable_data_ptr<float>(),
                         .dbias = dbias.mutable_data_ptr<float>()});
    variable_list result{dx, dgain, dbias, at::Tensor()};
    differentiable_once("layer_norm", {x, gain, gradients[0]}, result);
    return result;
  }
};

struct FusedRmsNorm : torch::autograd::Function<FusedRmsNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& gain, double eps) {
    const at::Tensor x = input.contiguous();
    at::Tensor y = at::empty_like(x), rstd = at::empty({x.size(0)}, x.options());
    rms_norm_forward({.rows = x.size(0),
                      .channels = x.size(1),
                      .x = data(x),
                      .gain = data(gain),
                      .eps = static_cast<float>(eps),
                      .y = y.mutable_data_ptr<float>(),
                      .rstd = rstd.mutable_data_ptr<float>()});
    context->save_for_backward({x, gain, rstd});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &gain = saved[1], dy = gradients[0].contiguous();
    at::Tensor dx = at::empty_like(x), dgain = at::empty_like(gain);
    rms_norm_backward({.rows = x.size(0),
                       .channels = x.size(1),
                       .dy = data(dy),
                       .stream = data(x),
                       .rstd = data(saved[2]),
                       .gain = data(gain),
                       .dstream = dx.mutable_data_ptr<float>(),
                       .dgain = dgain.mutable_data_ptr<float>()});
    variable_list result{dx, dgain, at::Tensor()};
    differentiable_once("rms_norm", {x, gain, gradients[0]}, result);
    return result;
  }
};

}  // namespace

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, double eps) {
  if (x.dim() == 2 && fused({&x, &gain, &bias}))
    return FusedLayerNorm::apply(x, gain.contiguous(), bias.contiguous(), eps);
  return at::layer_norm(x, {x.size(-1)}, gain, bias, eps);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double eps) {
  if (x.dim() == 2 && fused({&x, &gain})) return FusedRmsNorm::apply(x, gain.contiguous(), eps);
  return x * at::rsqrt(x.square().mean(-1, true) + eps) * gain;
}

}  // namespace strata::ops
