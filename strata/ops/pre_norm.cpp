#include "strata/ops/pre_norm.h"

#include <algorithm>

#include "strata/base/threads.h"
#include "strata/ops/mode.h"

namespace strata::ops {
namespace {

constexpr int64_t kMostWeights = int64_t{1} << 20;  // in one matrix: each thread's gradient of it stays in the cache
constexpr int64_t kRowsPerThread = 384;

bool plain(const at::Tensor& weight) {
  return !weight.defined() || weight.is_contiguous();
}

}  // namespace

bool pre_norm_fused(const at::Tensor& x, int64_t pieces, const NormInFront& norm, const LinearWeights& first,
                    const LinearWeights& second) {
  return fused({&x, &norm.gain, &norm.bias, &first.weight, &first.bias, &second.weight, &second.bias}) &&
         plain(norm.gain) && plain(norm.bias) && plain(first.weight) && plain(first.bias) && plain(second.weight) &&
         plain(second.bias) && x.dim() == 2 && norm.layer == norm.bias.defined() &&
         std::max(first.weight.numel(), second.weight.numel()) <= kMostWeights &&
         x.size(0) >= kRowsPerThread * threads() && x.size(0) >= first.weight.size(0) && pieces >= 4 * threads();
}

}  // namespace strata::ops
