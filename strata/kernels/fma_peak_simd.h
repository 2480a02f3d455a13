#pragma once

#include "strata/kernels/fma_peak.h"
// After the kernel's own header, which says what levels there are.
#include "strata/kernels/simd.h"

namespace strata::simd::STRATA_SIMD {

inline double multiply_adds(int64_t rounds) {
  constexpr int chains = 10;
  // Read and written as volatile: chains that begin alike would be computed once, and sums that nobody reads not at all.
  volatile float start = 1.0F, total = 0;
  V sums[chains];
  STRATA_UNROLL
  for (int i = 0; i < chains; ++i) sums[i] = set(start);
  const V factor = set(0.999F * start), addend = set(0.001F * start);
  for (int64_t round = 0; round < rounds; ++round) {
    STRATA_UNROLL
    for (int i = 0; i < chains; ++i) sums[i] = fma(sums[i], factor, addend);
  }
  for (int i = 0; i < chains; ++i) total = total + sum(sums[i]);
  return static_cast<double>(rounds) * chains * kWidth * 2;
}

}  // namespace strata::simd::STRATA_SIMD
