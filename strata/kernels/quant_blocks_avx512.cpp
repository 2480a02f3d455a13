#include "strata/kernels/quant_blocks_simd.h"

namespace strata {

const QuantBlocksLevel kQuantBlocksAvx512{
    .isa = simd::avx512::kIsa,
    .quantise_q8_0 = simd::avx512::quantise_q8_0,
    .quantise_f16 = simd::avx512::quantise_f16,
    .dequantise_f16 = simd::avx512::dequantise_f16,
    .dequantise_q8_0 = simd::avx512::dequantise_q8_0,
    .dequantise_q4_0 = simd::avx512::dequantise_q4_0,
    .dequantise_q4_k = simd::avx512::dequantise_q4_k,
    .dequantise_q6_k = simd::avx512::dequantise_q6_k,
};

}  // namespace strata
