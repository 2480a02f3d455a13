#pragma once

#include "strata/kernels/activation.h"
#include "strata/kernels/simd.h"

namespace strata::simd::STRATA_SIMD {

/// What an activation gives, and its slope; whoever needs only one of them pays for that one.
struct Activated {
  V y, slope;
};

/// x Phi(x). Beyond +-14, where Phi is 0 or 1 and phi is 0, x itself would still multiply what is left of them.
STRATA_INLINE Activated exact_gelu(V x) {
  const Normal of_x = normal(x);
  const V bounded = max(set(-14.0F), x);
  return {bounded * of_x.distribution, fma(min(set(14.0F), bounded), of_x.density, of_x.distribution)};
}

/// x/2 (1 + tanh(z/2)) = x sigmoid(z), z = sqrt(8/pi) (x + 0.044715 x^3), which reaches the ends of logistic at +-10.
STRATA_INLINE Activated tanh_gelu(V x) {
  constexpr float linear = 1.59576912F;
  constexpr float cubic = 0.0713548163F;
  const V low = max(set(-10.0F), x);
  const V inner = min(set(10.0F), low);
  const V x2 = inner * inner;
  const Logistic s = logistic(inner * fma(x2, set(cubic), set(linear)));
  const V dz = fma(x2, set(3 * cubic), set(linear));
  return {low * s.value, fma(inner * s.value, dz * s.rest, s.value)};
}

template <bool kTanh>
STRATA_INLINE Activated gelu(V x) {
  if constexpr (kTanh) return tanh_gelu(x);
  return exact_gelu(x);
}

template <bool kTanh, bool kBias>
STRATA_INLINE void gelu_row(const float* x, const float* bias, float* y, int64_t count) {
  for_vectors(count, [&](int64_t c, int64_t n, auto whole) {
    read_ahead(x + c);
    V v = load(x + c, n, whole);
    if constexpr (kBias) v = v + load(bias + c, n, whole);
    store(y + c, gelu<kTanh>(v).y, n, whole);
  });
}

template <bool kTanh>
void gelu_rows(const GeluForward& a, int64_t begin, int64_t end) {
  const int64_t first = begin * a.channels;
  if (!a.bias) return gelu_row<kTanh, false>(a.x + first, nullptr, a.y + first, end * a.channels - first);
  for (int64_t row = begin; row < end; ++row)
    gelu_row<kTanh, true>(a.x + row * a.channels, a.bias, a.y + row * a.channels, a.channels);
}

inline void gelu_forward(const GeluForward& a, int64_t begin, int64_t end) {
  a.tanh ? gelu_rows<true>(a, begin, end) : gelu_rows<false>(a, begin, end);
}

/// Four rows at a time, so that the column sums are read and written once for four rows.
template <bool kTanh, int kRows>
STRATA_INLINE void gelu_backward_rows(const GeluBackward& a, int64_t row, float* sums) {
  for_vectors(a.channels, [&](int64_t c, int64_t n, auto whole) {
    const V bias = a.bias ? load(a.bias + c, n, whole) : zero();
    V total = zero();
    for (int r = 0; r < kRows; ++r) {
      const int64_t at = (row + r) * a.channels + c;
      read_ahead(a.x + at);
      read_ahead(a.dy + at);
      const Activated of_x = gelu<kTanh>(load(a.x + at, n, whole) + bias);
      const V dx = load(a.dy + at, n, whole) * of_x.slope;
      if (a.y) store(a.y + at, of_x.y, n, whole);
      store(a.dx + at, dx, n, whole);
      total = total + dx;
    }
    if (a.dbias) store(sums + c, load(sums + c, n, whole) + total, n, whole);
  });
}

template <bool kTanh>
void gelu_backward_all(const GeluBackward& a, int64_t begin, int64_t end, float* sums) {
  int64_t row = begin;
  for (; row + 4 <= end; row += 4) gelu_backward_rows<kTanh, 4>(a, row, sums);
  for (; row < end; ++row) gelu_backward_rows<kTanh, 1>(a, row, sums);
}

inline void gelu_backward(const GeluBackward& a, int64_t begin, int64_t end, float* sums) {
  a.tanh ? gelu_backward_all<true>(a, begin, end, sums) : gelu_backward_all<false>(a, begin, end, sums);
}

/// Below -87 the gate is shut, and logistic ends.
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
      store(a.y + row * a.channels + c, gate * logistic(gate).value * up, n, whole);
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
      const auto [s, rest] = logistic(gate);
      if (a.y) store(a.y + row * a.channels + c, gate * s * up, n, whole);
      const V slope = s * fma(gate, rest, set(1.0F));
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
