#include "strata/kernels/cross_entropy_simd.h"

namespace strata {

const CrossEntropyLevel kCrossEntropyAvx2{simd::avx2::kIsa, simd::avx2::cross_entropy_rows};

}  // namespace strata
