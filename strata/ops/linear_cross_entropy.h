#pragma once

#include <ATen/core/Tensor.h>

namespace strata::ops {

enum class Reduction { none, mean, sum };

/// cross_entropy(x W^T + b, targets) for many classes: the logits exist for a few hundred rows at a time, gradients are
/// made from them while they are there. Rows whose target is -100 are passed over, and cost nothing.
///   x [rows, channels], weight [classes, channels], bias [classes] or undefined, targets [rows] int64
///   row_weights [rows] or undefined: what each row counts; gradients do not flow into them
/// Losses of rows are those of cross_entropy (ops/loss.h). none: weight * loss of each row [rows]; sum: their sum;
/// mean: the sum over the sum of the weights of the rows that count, which is no number when none does. With none the
/// logits are computed again in backward. Differentiable once.
at::Tensor linear_cross_entropy(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                const at::Tensor& targets, const at::Tensor& row_weights = {}, double smoothing = 0,
                                Reduction reduction = Reduction::mean);

/// log softmax(x W^T + b) at the targets, [rows], without gradients; 0 where the target is -100.
at::Tensor target_log_probabilities(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                    const at::Tensor& targets);

}  // namespace strata::ops
