#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <vector>

namespace strata::ops {

/// The right-hand factor [in, out] of one product per tile. Where LibTorch brings MKL, it is laid out as MKL's kernel
/// reads it once for all tiles instead of once in each (7 to 12 % of a product of a few hundred rows).
struct TileFactor {
  at::Tensor matrix;  // [in, out], contiguous or the transpose of such
  at::Tensor packed;  // MKL's own layout, good for `rows` rows; undefined without MKL
  int64_t rows = 0;
};

/// Factors for tiles of `rows` rows; each is packed on a thread of its own.
std::vector<TileFactor> tile_factors(std::initializer_list<at::Tensor> matrices, int64_t rows);

/// y = x factor, or y += x factor; y and x contiguous. Tiles of another length than the factor is packed for are served
/// without the packing.
void multiply(const at::Tensor& y, const at::Tensor& x, const TileFactor& factor, bool accumulate);

}  // namespace strata::ops
