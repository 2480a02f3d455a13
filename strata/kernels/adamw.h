#pragma once

#include <cstdint>
#include <span>

#include "strata/kernels/isa.h"

namespace strata {

/// One tensor of an AdamW step; all arrays hold `count` floats.
struct AdamwTensor {
  int64_t count = 0;
  float* param = nullptr;
  const float* grad = nullptr;
  float* first = nullptr;    // m, running mean of gradients
  float* second = nullptr;   // v, running mean of squared gradients
  float* average = nullptr;  // exponential moving average of the parameter, or null
  double weight_decay = 0;
  int64_t step = 1;  // of this tensor, counted from 1
};
struct AdamwOptions {
  double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double grad_scale = 1;     // multiplies every gradient first: the clipping factor
  double average_decay = 0;  // of `average`
};

/// AdamW (Loshchilov and Hutter 2019, algorithm 2, with the step size of torch.optim.AdamW), all tensors in one
/// parallel pass:
///   g = grad_scale grad
///   param = param (1 - learning_rate weight_decay)
///   m = m + (1 - beta1) (g - m),   v = beta2 v + (1 - beta2) g^2
///   param = param - learning_rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
///   average = average + (1 - average_decay) (param - average)
/// Element by element, so the result does not depend on the thread count.
void adamw(std::span<const AdamwTensor> tensors, const AdamwOptions& options);

struct FloatSpan {
  const float* data = nullptr;
  int64_t count = 0;
};
/// Sum of squares over all tensors, the same bits for any thread count: chunks of 16384 floats, added in order in
/// double.
double l2_norm_squared(std::span<const FloatSpan> tensors);

/// The factors of one tensor's update, computed once in double.
struct AdamwFactors {
  float grad_scale, keep, gain1, beta2, gain2, step_size, inverse_root, eps, average_gain;
};
/// One level's loops over floats [begin, end) of a tensor.
struct AdamwLevel {
  Isa isa;
  void (*update)(const AdamwTensor& tensor, const AdamwFactors& factors, int64_t begin, int64_t end);
  double (*sum_of_squares)(const float* x, int64_t count);
};
extern const AdamwLevel kAdamwReference, kAdamwAvx2, kAdamwAvx512;

}  // namespace strata
