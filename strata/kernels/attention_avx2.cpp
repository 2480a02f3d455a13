#include "strata/kernels/attention_simd.h"

namespace strata {

const AttentionLevel kAttentionAvx2{simd::avx2::kIsa, simd::avx2::attention_forward, simd::avx2::attention_backward,
                                    simd::avx2::forward_scratch, simd::avx2::backward_scratch};

}  // namespace strata
