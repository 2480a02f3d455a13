#pragma once

#include <ATen/core/Tensor.h>

namespace strata::ops {

/// x * Phi(x) with the exact normal distribution function (Hendrycks and Gimpel 2016); any shape.
at::Tensor gelu(const at::Tensor& x);

/// silu(gate) * up on one tensor that holds both halves: x [rows, 2 hidden] = [gate | up] -> [rows, hidden] (Shazeer
/// 2020).
at::Tensor swiglu(const at::Tensor& x);

}  // namespace strata::ops
