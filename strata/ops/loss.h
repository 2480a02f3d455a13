#pragma once

#include <ATen/core/Tensor.h>

namespace strata::ops {

/// Mean over the rows whose target is not -100 of -sum_c t[r, c] log softmax(logits)[r, c], t = (1 - smoothing) onehot(target) + smoothing / classes
/// (Szegedy et al. 2016).
///   logits [rows, classes], targets [rows] int64 -> scalar
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& targets, double smoothing = 0);

}  // namespace strata::ops
