#pragma once

#include <ATen/core/Tensor.h>

namespace strata::ops {

/// y[r, c] = (x[r, c] - mean_r) / sqrt(var_r + eps) * gain[c] + bias[c], the variance taken without Bessel's correction
/// (Ba et al. 2016).
///   x [rows, channels]; gain, bias [channels] -> [rows, channels]
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, double eps);

/// y[r, c] = x[r, c] / sqrt(mean_c x[r, c]^2 + eps) * gain[c] (Zhang and Sennrich 2019). x [rows, channels], gain
/// [channels]
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double eps);

}  // namespace strata::ops
