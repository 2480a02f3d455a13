#pragma once

#include <ATen/core/Tensor.h>

namespace strata::ops {

/// y = x W^T + b:  x [rows, in], weight [out, in], bias [out] or undefined -> [rows, out]. Differentiable to any order.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace strata::ops
