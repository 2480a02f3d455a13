#pragma once

#include "strata/kernels/adamw.h"
#include "strata/kernels/simd.h"

namespace strata::simd::STRATA_SIMD {

inline void adamw_range(const AdamwTensor& t, const AdamwFactors& f, int64_t begin, int64_t end) {
  for_vectors(end - begin, [&](int64_t offset, int64_t n, auto whole) {
    const int64_t i = begin + offset;
    const V g = load(t.grad + i, n, whole) * set(f.grad_scale);
    const V m0 = load(t.first + i, n, whole);
    const V m = fma(g - m0, set(f.gain1), m0);
    const V v = fma(g * g, set(f.gain2), load(t.second + i, n, whole) * set(f.beta2));
    const V denominator = fma(sqrt(v), set(f.inverse_root), set(f.eps));
    const V p = fnma(set(f.step_size), m / denominator, load(t.param + i, n, whole) * set(f.keep));
    store(t.first + i, m, n, whole);
    store(t.second + i, v, n, whole);
    store(t.param + i, p, n, whole);
    if (t.average) {
      const V average = load(t.average + i, n, whole);
      store(t.average + i, fma(p - average, set(f.average_gain), average), n, whole);
    }
  });
}

inline double sum_of_squares(const float* x, int64_t count) {
  double total = 0;
  for (int64_t from = 0; from < count; from += 4096) {
    const int64_t here = count - from < 4096 ? count - from : 4096;
    V sums[4] = {zero(), zero(), zero(), zero()};
    int64_t i = 0;
    for (; i + 4 * kWidth <= here; i += 4 * kWidth)
      for (int j = 0; j < 4; ++j) {
        const V v = load(x + from + i + j * kWidth);
        sums[j] = fma(v, v, sums[j]);
      }
    for_vectors(here - i, [&](int64_t c, int64_t n, auto whole) {
      const V v = load(x + from + i + c, n, whole);
      sums[0] = fma(v, v, sums[0]);
    });
    total += sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  return total;
}

}  // namespace strata::simd::STRATA_SIMD
