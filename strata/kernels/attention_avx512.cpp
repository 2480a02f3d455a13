#include "strata/kernels/attention_simd.h"

namespace strata {

const AttentionLevel kAttentionAvx512{simd::avx512::kIsa, simd::avx512::attention_forward,
                                      simd::avx512::attention_backward, simd::avx512::forward_scratch,
                                      simd::avx512::backward_scratch};

}  // namespace strata
