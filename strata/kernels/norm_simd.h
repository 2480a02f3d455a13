#pragma once

#include "strata/kernels/norm.h"
#include "strata/kernels/simd.h"

namespace strata::simd::STRATA_SIMD {

template <bool kCentred>
void norm_forward(const NormForward& a, int64_t begin, int64_t end) {
  const int64_t channels = a.channels;
  const float inverse = 1.0F / static_cast<float>(channels);
  for (int64_t row = begin; row < end; ++row) {
    const float* x = a.x + row * channels;
    float* y = a.y + row * channels;
    const float* stream = x;
    // What the variance is made from, on the way: the sum of a row, or of its squares.
    const auto add = [](V s, V total) { return kCentred ? total + s : fma(s, s, total); };
    V sums;
    if (a.delta) {
      const float* delta = a.delta + row * channels;
      float* out = a.stream ? a.stream + row * channels : y;
      sums = sum_vectors(channels, [&](int64_t c, int64_t n, auto whole, V total) {
        read_ahead(x + c);
        read_ahead(delta + c);
        V s = load(x + c, n, whole) + load(delta + c, n, whole);
        if (a.delta_bias) s = s + load(a.delta_bias + c, n, whole);
        store(out + c, s, n, whole);
        return add(s, total);
      });
      stream = out;
    } else {
      float* out = a.stream == a.x || !a.stream ? nullptr : a.stream + row * channels;
      sums = sum_vectors(channels, [&](int64_t c, int64_t n, auto whole, V total) {
        read_ahead(x + c);
        const V s = load(x + c, n, whole);
        if (out) store(out + c, s, n, whole);
        return add(s, total);
      });
    }
    float mean = 0;
    float variance = sum(sums) * inverse;
    if constexpr (kCentred) {
      mean = variance;
      const V squares = sum_vectors(channels, [&](int64_t c, int64_t n, auto whole, V total) {
        V d = load(stream + c, n, whole) - set(mean);
        if constexpr (!decltype(whole)::kValue) d = select_first(n, d, zero());
        return fma(d, d, total);
      });
      variance = sum(squares) * inverse;
      if (a.mean) a.mean[row] = mean;
    }
    const float rstd = 1.0F / __builtin_sqrtf(variance + a.eps);
    if (a.rstd) a.rstd[row] = rstd;
    for_vectors(channels, [&](int64_t c, int64_t n, auto whole) {
      V normed = load(stream + c, n, whole);
      if constexpr (kCentred) normed = normed - set(mean);
      normed = normed * set(rstd);
      if (a.gain) normed = normed * load(a.gain + c, n, whole);
      if (a.bias) normed = normed + load(a.bias + c, n, whole);
      store(y + c, normed, n, whole);
    });
  }
}

/// Four rows at a time, so that the column sums are read and written once for four rows.
template <bool kCentred, int kRows>
STRATA_INLINE void norm_backward_rows(const NormBackward& a, int64_t row, float* sums) {
  const int64_t channels = a.channels;
  const float inverse = 1.0F / static_cast<float>(channels);
  float mean[kRows];
  float rstd[kRows];
  float mean_g[kRows];
  float mean_gx[kRows];
  for (int r = 0; r < kRows; ++r) {
    mean[r] = kCentred ? a.mean[row + r] : 0.0F;
    rstd[r] = a.rstd[row + r];
    const float* dy = a.dy + (row + r) * channels;
    const float* x = a.stream + (row + r) * channels;
    V sum_g = zero();
    V sum_gx = zero();
    for_vectors(channels, [&](int64_t c, int64_t n, auto whole) {
      read_ahead(dy + c);
      read_ahead(x + c);
      V g = load(dy + c, n, whole);
      if (a.gain) g = g * load(a.gain + c, n, whole);
      V d = load(x + c, n, whole);
      if constexpr (kCentred) d = d - set(mean[r]);
      sum_g = sum_g + g;
      sum_gx = fma(g, d, sum_gx);  // g is zero beyond the row, d is not
    });
    mean_g[r] = kCentred ? sum(sum_g) * inverse : 0.0F;
    mean_gx[r] = sum(sum_gx) * rstd[r] * inverse;
  }
  for_vectors(channels, [&](int64_t c, int64_t n, auto whole) {
    const V gain = a.gain ? load(a.gain + c, n, whole) : set(1.0F);
    V sum_dgain = zero();
    V sum_dbias = zero();
    V sum_dstream = zero();
    for (int r = 0; r < kRows; ++r) {
      const int64_t at = (row + r) * channels + c;
      const V dy = load(a.dy + at, n, whole);
      V xhat = load(a.stream + at, n, whole);
      if constexpr (kCentred) xhat = xhat - set(mean[r]);
      xhat = xhat * set(rstd[r]);
      V inner = fnma(xhat, set(mean_gx[r]), dy * gain);
      if constexpr (kCentred) inner = inner - set(mean_g[r]);
      V dstream = inner * set(rstd[r]);
      if (a.dstream_in) dstream = dstream + load(a.dstream_in + at, n, whole);
      store(a.dstream + at, dstream, n, whole);
      sum_dgain = fma(dy, xhat, sum_dgain);
      sum_dbias = sum_dbias + dy;
      sum_dstream = sum_dstream + dstream;
    }
    const auto add = [&](float* total, V part) { store(total + c, load(total + c, n, whole) + part, n, whole); };
    if (a.dgain) add(sums, sum_dgain);
    if (a.dbias) add(sums + channels, sum_dbias);
    if (a.ddelta_bias) add(sums + 2 * channels, sum_dstream);
  });
}

template <bool kCentred>
void norm_backward(const NormBackward& a, int64_t begin, int64_t end, float* sums) {
  int64_t row = begin;
  for (; row + 4 <= end; row += 4) norm_backward_rows<kCentred, 4>(a, row, sums);
  for (; row < end; ++row) norm_backward_rows<kCentred, 1>(a, row, sums);
}

}  // namespace strata::simd::STRATA_SIMD
