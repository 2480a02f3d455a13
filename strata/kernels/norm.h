#pragma once

#include <cstdint>
#include <vector>

#include "strata/kernels/isa.h"

namespace strata {

/// Layer norm (Ba et al. 2016, eq. 3-4) and RMS norm (Zhang and Sennrich 2019, eq. 4) over the last axis, with the
/// residual addition before them fused in:
///   stream = x + delta + delta_bias                                   (delta and delta_bias may be absent)
///   layer:  y = (stream - mean) * rstd * gain + bias,                 rstd = 1 / sqrt(variance + eps), biased variance
///   rms:    y = stream * rstd * gain + bias,                          rstd = 1 / sqrt(mean of squares + eps)
/// A NaN or infinity in a row makes that row NaN and no other.
struct NormForward {
  int64_t rows = 0, channels = 0;
  const float* x = nullptr;      // [rows, channels]
  const float* delta = nullptr;  // [rows, channels] or null
  const float* delta_bias =
      nullptr;                  // [channels] or null: bias of the linear layer that made delta; read only with delta
  const float* gain = nullptr;  // [channels] or null: ones
  const float* bias = nullptr;  // [channels] or null: zeros
  float eps = 1e-5F;
  float* stream = nullptr;  // [rows, channels] or null; may be x or delta
  float* y = nullptr;       // [rows, channels]; may be x only when stream is null
  float* mean = nullptr;    // [rows] or null; not written by rms_norm
  float* rstd = nullptr;    // [rows] or null
};

/// Gradients of NormForward: with xhat = (stream - mean) * rstd and g = dy * gain,
///   dstream = dstream_in + rstd * (g - mean(g) - xhat * mean(g * xhat))     (without mean(g) for rms)
///   dgain = sum over rows of dy * xhat, dbias = sum of dy, ddelta_bias = sum of dstream
/// x, delta and their sum share the gradient dstream. Column sums are added in an order fixed by the thread count.
struct NormBackward {
  int64_t rows = 0, channels = 0;
  const float* dy = nullptr;          // [rows, channels]
  const float* stream = nullptr;      // [rows, channels]: what was normalised (x when nothing was added)
  const float* mean = nullptr;        // [rows]; not read by rms_norm
  const float* rstd = nullptr;        // [rows]
  const float* gain = nullptr;        // [channels] or null: ones
  const float* dstream_in = nullptr;  // [rows, channels] or null: gradient that reaches the stream past the norm
  float* dstream = nullptr;           // [rows, channels]; may be dy or dstream_in
  float* dgain = nullptr;             // [channels] or null
  float* dbias = nullptr;             // [channels] or null
  float* ddelta_bias = nullptr;       // [channels] or null
};

void layer_norm_forward(const NormForward& args);
void layer_norm_backward(const NormBackward& args);
void rms_norm_forward(const NormForward& args);
void rms_norm_backward(const NormBackward& args);

/// One level's loops over rows [begin, end). The backward ones add to sums [3, channels] (dgain, dbias, ddelta_bias),
/// those that are asked for.
struct NormLevel {
  Isa isa;
  void (*layer_forward)(const NormForward& args, int64_t begin, int64_t end);
  void (*layer_backward)(const NormBackward& args, int64_t begin, int64_t end, float* sums);
  void (*rms_forward)(const NormForward& args, int64_t begin, int64_t end);
  void (*rms_backward)(const NormBackward& args, int64_t begin, int64_t end, float* sums);
};
extern const NormLevel kNormReference, kNormAvx2, kNormAvx512;

}  // namespace strata
