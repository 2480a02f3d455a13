#include "strata/kernels/cross_entropy_simd.h"

namespace strata {

const CrossEntropyLevel kCrossEntropyAvx512{simd::avx512::kIsa, simd::avx512::cross_entropy_rows};

}  // namespace strata
