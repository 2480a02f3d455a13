#include "strata/kernels/adamw_simd.h"

namespace strata {

const AdamwLevel kAdamwAvx2{simd::avx2::kIsa, simd::avx2::adamw_range, simd::avx2::sum_of_squares};

}  // namespace strata
