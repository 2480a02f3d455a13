#pragma once

#include "strata/kernels/small_product.h"
// After the kernel's own header, which says what levels there are.
#include "strata/kernels/small_gemm_simd.h"

namespace strata::simd::STRATA_SIMD {

inline void small_product(const SmallProduct& args) {
  const Strided a{args.a, args.a_row, args.a_column};
  args.accumulate ? small_gemm<true>(a, args.b, args.b_row, args.c, args.c_row, args.rows, args.columns, args.depth)
                  : small_gemm<false>(a, args.b, args.b_row, args.c, args.c_row, args.rows, args.columns, args.depth);
}

}  // namespace strata::simd::STRATA_SIMD
