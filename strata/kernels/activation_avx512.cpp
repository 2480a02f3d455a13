#include "strata/kernels/activation_simd.h"

namespace strata {

const ActivationLevel kActivationAvx512{
    simd::avx512::kIsa,           simd::avx512::gelu_forward,    simd::avx512::gelu_backward,
    simd::avx512::swiglu_forward, simd::avx512::swiglu_backward, simd::avx512::bias_grad};

}  // namespace strata
