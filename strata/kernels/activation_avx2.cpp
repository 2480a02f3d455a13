#include "strata/kernels/activation_simd.h"

namespace strata {

const ActivationLevel kActivationAvx2{
    simd::avx2::kIsa,           simd::avx2::gelu_forward,    simd::avx2::gelu_backward,
    simd::avx2::swiglu_forward, simd::avx2::swiglu_backward, simd::avx2::bias_grad};

}  // namespace strata
