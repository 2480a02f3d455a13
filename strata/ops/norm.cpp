#include "strata/ops/norm.h"

#include <torch/csrc/autograd/custom_function.h>

#include "strata/base/error.h"
#include "strata/kernels/norm.h"
#include "strata/ops/dispatch.h"
#include "strata/ops/mode.h"

namespace strata::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Pair = std::tuple<at::Tensor, at::Tensor>;
using Triple = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

const float* data(const at::Tensor& tensor) {
  return tensor.const_data_ptr<float>();
}

void check_channels(const char* op, const at::Tensor& x, const at::Tensor& per_channel) {
  if (x.dim() < 1 || per_channel.dim() != 1 || per_channel.sym_size(0) != x.sym_size(-1))
    fail(op, ": expected x [..., channels] with gain and bias [channels], got x ", x.sym_sizes(), " and ",
         per_channel.sym_sizes());
}

// ---- kernels as operators: x [rows, channels] -----------------------------------------------------------------------

// -> y, mean [rows], rstd [rows]
Triple raw_layer_norm(const at::Tensor& input, const at::Tensor& gain, const at::Tensor& bias, double eps) {
  const at::Tensor x = input.contiguous(), gains = gain.contiguous(), biases = bias.contiguous();
  at::Tensor y = at::empty_like(x), mean = at::empty({x.size(0)}, x.options()), rstd = at::empty_like(mean);
  layer_norm_forward({.rows = x.size(0),
                      .channels = x.size(1),
                      .x = data(x),
                      .gain = data(gains),
                      .bias = data(biases),
                      .eps = static_cast<float>(eps),
                      .y = y.mutable_data_ptr<float>(),
                      .mean = mean.mutable_data_ptr<float>(),
                      .rstd = rstd.mutable_data_ptr<float>()});
  return {y, mean, rstd};
}

// -> dx, dgain, dbias
Triple raw_layer_norm_backward(const at::Tensor& upstream, const at::Tensor& input, const at::Tensor& mean,
                               const at::Tensor& rstd, const at::Tensor& gain) {
  const at::Tensor dy = upstream.contiguous(), x = input.contiguous(), gains = gain.contiguous();
  at::Tensor dx = at::empty_like(x), dgain = at::empty_like(gains), dbias = at::empty_like(gains);
  layer_norm_backward({.rows = x.size(0),
                       .channels = x.size(1),
                       .dy = data(dy),
                       .stream = data(x),
                       .mean = data(mean),
                       .rstd = data(rstd),
                       .gain = data(gains),
                       .dstream = dx.mutable_data_ptr<float>(),
                       .dgain = dgain.mutable_data_ptr<float>(),
                       .dbias = dbias.mutable_data_ptr<float>()});
  return {dx, dgain, dbias};
}

// -> y, rstd [rows]
Pair raw_rms_norm(const at::Tensor& input, const at::Tensor& gain, double eps) {
  const at::Tensor x = input.contiguous(), gains = gain.contiguous();
  at::Tensor y = at::empty_like(x), rstd = at::empty({x.size(0)}, x.options());
  rms_norm_forward({.rows = x.size(0),
                    .channels = x.size(1),
                    .x = data(x),
                    .gain = data(gains),
                    .eps = static_cast<float>(eps),
                    .y = y.mutable_data_ptr<float>(),
                    .rstd = rstd.mutable_data_ptr<float>()});
  return {y, rstd};
}

// -> dx, dgain
Pair raw_rms_norm_backward(const at::Tensor& upstream, const at::Tensor& input, const at::Tensor& rstd,
                           const at::Tensor& gain) {
  const at::Tensor dy = upstream.contiguous(), x = input.contiguous(), gains = gain.contiguous();
  at::Tensor dx = at::empty_like(x), dgain = at::empty_like(gains);
  rms_norm_backward({.rows = x.size(0),
                     .channels = x.size(1),
                     .dy = data(dy),
                     .stream = data(x),
                     .rstd = data(rstd),
                     .gain = data(gains),
                     .dstream = dx.mutable_data_ptr<float>(),
                     .dgain = dgain.mutable_data_ptr<float>()});
  return {dx, dgain};
}

// ---- with their gradients -------------------------------------------------------------------------------------------

struct FusedLayerNorm : torch::autograd::Function<FusedLayerNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& gain,
                            const at::Tensor& bias, double eps) {
    const at::Tensor x = input.contiguous();
    auto [y, mean, rstd] = dispatch<raw_layer_norm>("strata::_layer_norm", x, gain, bias, eps);
    context->save_for_backward({x, gain, mean, rstd});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &gain = saved[1];
    auto [dx, dgain, dbias] =
        dispatch<raw_layer_norm_backward>("strata::_layer_norm_backward", gradients[0], x, saved[2], saved[3], gain);
    variable_list result{dx, dgain, dbias, at::Tensor()};
    differentiable_once("layer_norm", {x, gain, gradients[0]}, result);
    return result;
  }
};

struct FusedRmsNorm : torch::autograd::Function<FusedRmsNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& gain, double eps) {
    const at::Tensor x = input.contiguous();
    auto [y, rstd] = dispatch<raw_rms_norm>("strata::_rms_norm", x, gain, eps);
    context->save_for_backward({x, gain, rstd});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &gain = saved[1];
    auto [dx, dgain] = dispatch<raw_rms_norm_backward>("strata::_rms_norm_backward", gradients[0], x, saved[2], gain);
    variable_list result{dx, dgain, at::Tensor()};
    differentiable_once("rms_norm", {x, gain, gradients[0]}, result);
    return result;
  }
};

}  // namespace

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, double eps) {
  check_channels("layer_norm", x, gain);
  check_channels("layer_norm", x, bias);
  if (x.dim() == 2 && fused({&x, &gain, &bias})) return FusedLayerNorm::apply(x, gain, bias, eps);
  return at::layer_norm_symint(x, {x.sym_size(-1)}, gain, bias, eps);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double eps) {
  check_channels("rms_norm", x, gain);
  if (x.dim() == 2 && fused({&x, &gain})) return FusedRmsNorm::apply(x, gain, eps);
  return x * at::rsqrt(x.square().mean(-1, true) + eps) * gain;
}

TORCH_LIBRARY_FRAGMENT(strata, library) {
  raw_op(library, "_layer_norm(Tensor x, Tensor weight, Tensor bias, float eps) -> (Tensor, Tensor, Tensor)");
  raw_op(library,
         "_layer_norm_backward(Tensor dy, Tensor x, Tensor mean, Tensor rstd, Tensor weight) -> "
         "(Tensor, Tensor, Tensor)");
  raw_op(library, "_rms_norm(Tensor x, Tensor weight, float eps) -> (Tensor, Tensor)");
  raw_op(library, "_rms_norm_backward(Tensor dy, Tensor x, Tensor rstd, Tensor weight) -> (Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(strata, CPU, library) {
  library.impl("_layer_norm", raw_layer_norm);
  library.impl("_layer_norm_backward", raw_layer_norm_backward);
  library.impl("_rms_norm", raw_rms_norm);
  library.impl("_rms_norm_backward", raw_rms_norm_backward);
}
TORCH_LIBRARY_IMPL(strata, Meta, library) {
  library.impl("_layer_norm", [](const at::Tensor& x, const at::Tensor&, const at::Tensor&, double) -> Triple {
    return {plain_like(x), per_row(x), per_row(x)};
  });
  library.impl("_layer_norm_backward",
               [](const at::Tensor&, const at::Tensor& x, const at::Tensor&, const at::Tensor&,
                  const at::Tensor& gain) -> Triple { return {plain_like(x), plain_like(gain), plain_like(gain)}; });
  library.impl("_rms_norm",
               [](const at::Tensor& x, const at::Tensor&, double) -> Pair { return {plain_like(x), per_row(x)}; });
  library.impl("_rms_norm_backward",
               [](const at::Tensor&, const at::Tensor& x, const at::Tensor&, const at::Tensor& gain) -> Pair {
                 return {plain_like(x), plain_like(gain)};
               });
}

}  // namespace strata::ops
