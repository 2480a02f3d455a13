#include "strata/kernels/adamw_simd.h"

namespace strata {

const AdamwLevel kAdamwAvx512{simd::avx512::kIsa, simd::avx512::adamw_range, simd::avx512::sum_of_squares};

}  // namespace strata
