#include "strata/ops/activation.h"

namespace strata::ops {

at::Tensor gelu(const at::Tensor& x) {
  return at::gelu(x);
}

at::Tensor swiglu(const at::Tensor& x) {
  const auto halves = x.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

}  // namespace strata::ops
