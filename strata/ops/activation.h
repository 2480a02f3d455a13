#pragma once

#include <ATen/core/Tensor.h>

#include "strata/kernels/activation.h"

namespace strata::ops {

/// x * Phi(x) with the exact normal distribution function (Hendrycks and Gimpel 2016); any shape.
at::Tensor gelu(const at::Tensor& x);

/// Its older approximation, x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); any shape.
at::Tensor gelu_tanh(const at::Tensor& x);

/// gelu(x); gelu_tanh(x); x sigmoid(1.702 x); max(x, 0); x sigmoid(x). Any shape.
at::Tensor activate(Activation activation, const at::Tensor& x);

/// activation(gate) * up on one tensor that holds both halves: x [rows, 2 hidden] = [gate | up] -> [rows, hidden]
/// (Shazeer 2020).
at::Tensor gated(Activation activation, const at::Tensor& x);

/// silu(gate) * up on one tensor that holds both halves: x [rows, 2 hidden] = [gate | up] -> [rows, hidden] (Shazeer
/// 2020).
at::Tensor swiglu(const at::Tensor& x);

}  // namespace strata::ops
