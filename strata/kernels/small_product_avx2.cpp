#include "strata/kernels/small_product_simd.h"

namespace strata {

const SmallProductLevel kSmallProductAvx2{simd::avx2::kIsa, simd::avx2::small_product};

}  // namespace strata
