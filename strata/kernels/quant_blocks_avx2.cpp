#include "strata/kernels/quant_blocks_simd.h"

namespace strata {

const QuantBlocksLevel kQuantBlocksAvx2{
    .isa = simd::avx2::kIsa,
    .quantise_q8_0 = simd::avx2::quantise_q8_0,
    .quantise_f16 = simd::avx2::quantise_f16,
    .dequantise_f16 = simd::avx2::dequantise_f16,
    .dequantise_q8_0 = simd::avx2::dequantise_q8_0,
    .dequantise_q4_0 = simd::avx2::dequantise_q4_0,
    .dequantise_q4_k = simd::avx2::dequantise_q4_k,
    .dequantise_q6_k = simd::avx2::dequantise_q6_k,
};

}  // namespace strata
