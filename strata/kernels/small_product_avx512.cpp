#include "strata/kernels/small_product_simd.h"

namespace strata {

const SmallProductLevel kSmallProductAvx512{simd::avx512::kIsa, simd::avx512::small_product};

}  // namespace strata
