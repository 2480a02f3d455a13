#pragma once

#include <ATen/core/Tensor.h>

#include "strata/kernels/adamw.h"

namespace strata::ops {

/// One AdamW step on all parameters, in place (kernels/adamw.h has the formula): params, first and second moments are
/// written, of each parameter's own shape and type. float32 in one piece of main memory takes one pass over all
/// tensors, what else there is LibTorch's own fused step. `step` counts from 1. No gradients flow. Throws Error when the
/// lists or shapes differ.
void adamw_(at::TensorList params, at::TensorList grads, at::TensorList first, at::TensorList second, int64_t step,
            double weight_decay, const AdamwOptions& options);

}  // namespace strata::ops
