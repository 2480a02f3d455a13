#include "strata/kernels/norm_simd.h"

namespace strata {

const NormLevel kNormAvx2{simd::avx2::kIsa, simd::avx2::norm_forward<true>, simd::avx2::norm_backward<true>,
                          simd::avx2::norm_forward<false>, simd::avx2::norm_backward<false>};

}  // namespace strata
