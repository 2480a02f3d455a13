#include "strata/ops/norm.h"

namespace strata::ops {

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, double eps) {
  return at::layer_norm(x, {x.size(-1)}, gain, bias, eps);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double eps) {
  return x * at::rsqrt(x.square().mean(-1, true) + eps) * gain;
}

}  // namespace strata::ops
