#pragma once

#include "strata/kernels/activation.h"
#include "strata/kernels/simd.h"

namespace strata::simd::STRATA_SIMD {

inline void gelu_forward(const GeluForward& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const float* x = a.x + row * a.channels;
    float* y = a.y + row * a.channels;
    for_vectors(a.channels, [&](int64_t c, int64_t n, auto whole) {
      V v = load(x + c, n, whole);
      if (a.bias) v = v + load(a.bias + c, n, whole);
      store(y + c, v * normal(v).distribution, n, whole);
    });
  }
}

/// Four rows at a time, so that the column sums are read and written once for four rows.
template <int kRows>
STRATA_INLINE void gelu_backward_rows(const GeluBackward& a, int64_t row, float* sums) {
  for_vectors(a.channels, [&](int64_t c, int64_t n, auto whole) {
    const V bias = a.bias ? load(a.bias + c, n, whole) : zero();
    V total = zero();
    for (int r = 0; r < kRows; ++r) {
      const int64_t at = (row + r) * a.channels + c;
      const V x = load(a.x + at, n, whole) + bias;
      const Normal of_x = normal(x);
      const V dx = load(a.dy + at, n, whole) * fma(x, of_x.density, of_x.distribution);
      if (a.y) store(a.y + at, x * of_x.distribution, n, whole);
      store(a.dx + at, dx, n, whole);
      total = total + dx;
    }
    if (a.dbias) store(sums + c, load(sums + c, n, whole) + total, n, whole);
  });
}

inline void gelu_backward(const GeluBackward& a, int64_t begin, int64_t end, float* sums) {
  int64_t row = begin;
  for (; row + 4 <= end; row += 4) gelu_backward_rows<4>(a, row, sums);
  for (; row < end; ++row) gelu_backward_rows<1>(a, row, sums);
}

inline void swiglu_forward(const SwigluForward& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    for_vectors(a.channels, [&](int64_t c, int64_t n, auto whole) {
      const V gate = load(a.gate + row * a.stride + c, n, whole);
      const V up = load(a.up + row * a.stride + c, n, whole);
      store(a.y + row * a.channels + c, gate * sigmoid(gate) * up, n, whole);
    });
  }
}

inline void swiglu_backward(const SwigluBackward& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    for_vectors(a.channels, [&](int64_t c, int64_t n, auto whole) {
      const int64_t at = row * a.stride + c;
      const V gate = load(a.gate + at, n, whole);
      const V up = load(a.up + at, n, whole);
      const V dy = load(a.dy + row * a.channels + c, n, whole);
      const V s = sigmoid(gate);
      if (a.y) store(a.y + row * a.channels + c, gate * s * up, n, whole);
      const V slope = s * fma(gate, set(1.0F) - s, set(1.0F));
      store(a.dgate + at, dy * up * slope, n, whole);
      store(a.dup + at, dy * gate * s, n, whole);
    });
  }
}

template <int kRows>
STRATA_INLINE void bias_grad_rows(const BiasGrad& a, int64_t row, float* sums) {
  for_vectors(a.channels, [&](int64_t c, int64_t n, auto whole) {
    V total = load(sums + c, n, whole);
    for (int r = 0; r < kRows; ++r) total = total + load(a.x + (row + r) * a.channels + c, n, whole);
    store(sums + c, total, n, whole);
  });
}

inline void bias_grad(const BiasGrad& a, int64_t begin, int64_t end, float* sums) {
  int64_t row = begin;
  for (; row + 8 <= end; row += 8) bias_grad_rows<8>(a, row, sums);
  for (; row < end; ++row) bias_grad_rows<1>(a, row, sums);
}

}  // namespace strata::simd::STRATA_SIMD
