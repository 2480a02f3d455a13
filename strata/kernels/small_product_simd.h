#pragma once

#include "strata/kernels/small_product.h"
// After the kernel's own header, which says what levels there are.
#include "strata/kernels/small_gemm_simd.h"

namespace strata::simd::STRATA_SIMD {

// A block of a panel and the rows that meet it stay in the first cache level, also where two threads share one.
inline constexpr int64_t kDepthBlock = 96;

inline void small_product(const SmallProduct& args) {
  for (int64_t first = 0; first < args.columns; first += SmallProduct::kPanel) {
    const int64_t wide = smaller(SmallProduct::kPanel, args.columns - first);
    for (int64_t k = 0; k < args.depth; k += kDepthBlock) {
      const Strided a{args.a + k * args.a_column, args.a_row, args.a_column};
      const float* b = args.b + first * args.depth + k * wide;
      const int64_t depth = smaller(kDepthBlock, args.depth - k);
      args.accumulate || k > 0 ? small_gemm<true>(a, b, wide, args.c + first, args.c_row, args.rows, wide, depth)
                               : small_gemm<false>(a, b, wide, args.c + first, args.c_row, args.rows, wide, depth);
    }
  }
}

}  // namespace strata::simd::STRATA_SIMD
