#pragma once

#include "strata/kernels/cross_entropy.h"
#include "strata/kernels/simd.h"

namespace strata::simd::STRATA_SIMD {

inline void cross_entropy_rows(const CrossEntropy& a, int64_t begin, int64_t end) {
  const int64_t classes = a.classes;
  const float share = a.smoothing / static_cast<float>(classes);
  for (int64_t row = begin; row < end; ++row) {
    const float* x = a.logits + row * classes;
    float* dx = a.dlogits ? a.dlogits + row * classes : nullptr;
    const int64_t target = a.targets[row];
    if (target == CrossEntropy::kIgnoreTarget) {
      if (a.loss) a.loss[row] = 0;
      if (dx) for_vectors(classes, [&](int64_t c, int64_t n, auto whole) { store(dx + c, zero(), n, whole); });
      continue;
    }
    const float at_target = x[target];
    V tops = set(-__builtin_inff());
    V totals = zero();
    for_vectors(classes, [&](int64_t c, int64_t n, auto whole) {
      const V v = load(x + c, n, whole);
      totals = totals + v;
      tops = max(decltype(whole)::kValue ? v : select_first(n, v, set(-__builtin_inff())), tops);
    });
    const float top = largest(tops);
    // Sums of exponentials per lane over many classes, in blocks, so that float carries a vocabulary of 50,000.
    double sum_exp = 0;
    for (int64_t from = 0; from < classes; from += 4096) {
      V part = zero();
      for_vectors(classes - from < 4096 ? classes - from : 4096, [&](int64_t c, int64_t n, auto whole) {
        V e = exp_of_negative(load(x + from + c, n, whole) - set(top));
        if constexpr (!decltype(whole)::kValue) e = select_first(n, e, zero());
        if (dx) store(dx + from + c, e, n, whole);
        part = part + e;
      });
      sum_exp += sum(part);
    }
    const float log_sum = __builtin_logf(static_cast<float>(sum_exp));
    if (a.loss) {
      const float mean = sum(totals) / static_cast<float>(classes);
      const float smooth = a.smoothing > 0 ? a.smoothing * ((top - mean) + log_sum) : 0.0F;
      a.loss[row] = (1 - a.smoothing) * ((top - at_target) + log_sum) + smooth;
    }
    if (!dx) continue;
    const V factor = set(a.scale / static_cast<float>(sum_exp));
    const V less = set(-a.scale * share);
    for_vectors(classes, [&](int64_t c, int64_t n, auto whole) {
      store(dx + c, fma(load(dx + c, n, whole), factor, less), n, whole);
    });
    dx[target] -= a.scale * (1 - a.smoothing);
  }
}

}  // namespace strata::simd::STRATA_SIMD
