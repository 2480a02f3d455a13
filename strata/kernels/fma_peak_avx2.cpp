#include "strata/kernels/fma_peak_simd.h"

namespace strata {

const FmaPeakLevel kFmaPeakAvx2{simd::avx2::kIsa, simd::avx2::multiply_adds};

}  // namespace strata
