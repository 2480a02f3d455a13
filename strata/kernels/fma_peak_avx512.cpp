#include "strata/kernels/fma_peak_simd.h"

namespace strata {

const FmaPeakLevel kFmaPeakAvx512{simd::avx512::kIsa, simd::avx512::multiply_adds};

}  // namespace strata
