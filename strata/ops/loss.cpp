#include "strata/ops/loss.h"

namespace strata::ops {

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& targets, double smoothing) {
  return at::cross_entropy_loss(logits, targets, {}, /*reduction=*/1, /*ignore_index=*/-100, smoothing);
}

}  // namespace strata::ops
