#include "strata/kernels/norm_simd.h"

namespace strata {

const NormLevel kNormAvx512{simd::avx512::kIsa, simd::avx512::norm_forward<true>, simd::avx512::norm_backward<true>,
                            simd::avx512::norm_forward<false>, simd::avx512::norm_backward<false>};

}  // namespace strata
