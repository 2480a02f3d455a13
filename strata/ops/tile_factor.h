#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <vector>

namespace strata::ops {

/// Contiguous rows in somebody else's memory: what works on tiles calls so often that tensors would cost more than the
/// products themselves do on small models.
struct Matrix {
  float* data;
  int64_t rows, columns;
};

/// The right-hand factor [in, out] of one product per tile. Small ones are for our own kernel, a third faster than a
/// library's there; others, where LibTorch brings MKL, are laid out as MKL's kernel reads them once for all tiles instead
/// of once in each (7 to 12 % of a product of a few hundred rows).
struct TileFactor {
  at::Tensor matrix;  // [in, out], one of whose strides is 1
  at::Tensor panels;  // for small_product; undefined where the factor is not small
  at::Tensor packed;  // MKL's own layout, good for `rows` rows; undefined without MKL
  int64_t rows = 0;
};

/// Factors for tiles of `rows` rows; each is packed on a thread of its own.
std::vector<TileFactor> tile_factors(std::initializer_list<at::Tensor> matrices, int64_t rows);

/// y = x factor, or y += x factor. Tiles of another length than the factor is packed for are served without the packing.
void multiply(const Matrix& y, const Matrix& x, const TileFactor& factor, bool accumulate);

/// total += a^T b, where `total` is contiguous [a.columns, b.columns]: what a tile adds to the gradient of a weight.
void add_product(const at::Tensor& total, const Matrix& a, const Matrix& b);

}  // namespace strata::ops
