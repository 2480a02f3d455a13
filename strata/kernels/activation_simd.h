#pragma once

#include "strata/kernels/activation.h"
#include "strata/kernels/simd.h"

namespace strata::simd::STRATA_SIMD {

/// x Phi(x): below -14, where that is nothing, x itself would still be something.
STRATA_INLINE V gelu(V x, const Normal& of_x) {
  return max(set(-14.0F), x) * of_x.distribution;
}

template <bool kBias>
STRATA_INLINE void gelu_row(const float* x, const float* bias, float* y, int64_t count) {
  for_vectors(count, [&](int64_t c, int64_t n, auto whole) {
    read_ahead(x + c);
    V v = load(x + c, n, whole);
    if constexpr (kBias) v = v + load(bias + c, n, whole);
    store(y + c, gelu(v, normal(v)), n, whole);
  });
}

inline void gelu_forward(const GeluForward& a, int64_t begin, int64_t end) {
  const int64_t first = begin * a.channels;
  if (!a.bias) return gelu_row<false>(a.x + first, nullptr, a.y + first, end * a.channels - first);
  for (int64_t row = begin; row < end; ++row)
    gelu_row<true>(a.x + row * a.channels, a.bias, a.y + row * a.channels, a.channels);
}

/// Four rows at a time, so that the column sums are read and written once for four rows.
template <int kRows>
STRATA_INLINE void gelu_backward_rows(const GeluBackward& a, int64_t row, float* sums) {
  for_vectors(a.channels, [&](int64_t c, int64_t n, auto whole) {
    const V bias = a.bias ? load(a.bias + c, n, whole) : zero();
    V total = zero();
    for (int r = 0; r < kRows; ++r) {
      const int64_t at = (row + r) * a.channels + c;
      read_ahead(a.x + at);
      read_ahead(a.dy + at);
      const V x = load(a.x + at, n, whole) + bias;
      const Normal of_x = normal(x);
      const V dx =
          load(a.dy + at, n, whole) * fma(max(set(-14.0F), min(set(14.0F), x)), of_x.density, of_x.distribution);
      if (a.y) store(a.y + at, gelu(x, of_x), n, whole);
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

/// Below -87 the gate is shut, and sigmoid ends.
STRATA_INLINE V bounded_gate(V gate) {
  return max(set(-87.0F), gate);
}

inline void swiglu_forward(const SwigluForward& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    for_vectors(a.channels, [&](int64_t c, int64_t n, auto whole) {
      const int64_t at = row * a.stride + c;
      read_ahead(a.gate + at);
      read_ahead(a.up + at);
      const V gate = bounded_gate(load(a.gate + at, n, whole));
      const V up = load(a.up + at, n, whole);
      store(a.y + row * a.channels + c, gate * sigmoid(gate) * up, n, whole);
    });
  }
}

inline void swiglu_backward(const SwigluBackward& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    for_vectors(a.channels, [&](int64_t c, int64_t n, auto whole) {
      const int64_t at = row * a.stride + c;
      read_ahead(a.gate + at);
      read_ahead(a.up + at);
      read_ahead(a.dy + row * a.channels + c);
      const V gate = bounded_gate(load(a.gate + at, n, whole));
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
