#pragma once

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>

#include <algorithm>
#include <atomic>
#include <span>
#include <vector>

#include "strata/base/threads.h"
#include "strata/ops/pre_norm.h"
#include "strata/ops/tile_factor.h"

// What the operators of pre_norm.h share: pieces of rows that stay in the cache, products on them, and gradients of
// weights that each thread adds up for itself.
namespace strata::ops {

/// Rows [first, end), of whole sequences [sequence, sequence_end) where that matters.
struct Tile {
  int64_t first, end, sequence = 0, sequence_end = 0;
  int64_t rows() const { return end - first; }
};

/// Rows one after the other, pieces of equal size but for the last. How they are cut depends on shapes alone, not on threads.
std::vector<Tile> row_tiles(int64_t rows, int64_t floats_per_row);
/// The same in whole sequences; a sequence longer than a piece is one of its own.
std::vector<Tile> sequence_tiles(const Rows& rows, int64_t floats_per_row);

/// Runs fn(tile, scratch) for every tile; make_scratch(thread) makes what a thread keeps from tile to tile. Each thread
/// has a range of tiles of its own, so that what it sums up is always the same. Tensors in here are plain memory: no
/// autograd, no autocast.
template <class MakeScratch, class Fn>
void over_tiles(const std::vector<Tile>& tiles, MakeScratch&& make_scratch, Fn&& fn) {
  parallel_for(static_cast<int64_t>(tiles.size()), 1, [&](int64_t begin, int64_t end, int thread) {
    const at::AutoDispatchBelowADInplaceOrView plain;
    auto&& scratch = make_scratch(thread);
    for (int64_t i = begin; i < end; ++i) fn(tiles[i], scratch);
  });
}

/// The same for tiles that have nothing in common: whichever thread is free takes the next one, since threads are
/// rarely equally fast on a machine that others use too.
template <class MakeScratch, class Fn>
void over_free_tiles(const std::vector<Tile>& tiles, MakeScratch&& make_scratch, Fn&& fn) {
  std::atomic<size_t> next = 0;
  const auto ranges = std::min<int64_t>(threads(), std::ssize(tiles));
  parallel_for(ranges, 1, [&](int64_t, int64_t, int thread) {
    const at::AutoDispatchBelowADInplaceOrView plain;
    auto&& scratch = make_scratch(thread);
    for (size_t i = next++; i < tiles.size(); i = next++) fn(tiles[i], scratch);
  });
}

/// The most rows of any tile.
int64_t longest(const std::vector<Tile>& tiles);

/// A tile's rows of a contiguous [rows, columns].
inline Matrix matrix(const at::Tensor& whole, const Tile& tile) {
  return {const_cast<float*>(whole.const_data_ptr<float>()) + tile.first * whole.size(1), tile.rows(), whole.size(1)};
}
/// The first rows of a scratch matrix, as many as the tile has.
inline Matrix head(const at::Tensor& scratch, const Tile& tile) {
  return {const_cast<float*>(scratch.const_data_ptr<float>()), tile.rows(), scratch.size(1)};
}

/// y = x factor + bias + input, of which bias and input may be missing.
void linear_tile(const Matrix& y, const Matrix& x, const TileFactor& factor, const at::Tensor& bias = {},
                 const float* input = nullptr);

/// norm(x) of a tile -> y; writes mean and rstd of its rows where these are defined.
void norm_tile(const NormInFront& norm, const float* x, const Tile& tile, const Matrix& y, const at::Tensor& mean,
               const at::Tensor& rstd);

/// Gradients of a norm and two linear layers that one thread adds up over its tiles.
struct WeightGradients {
  at::Tensor gain, bias, first, first_bias, second, second_bias;  // undefined where there is no such weight

  WeightGradients(const NormInFront& norm, const LinearWeights& one, const LinearWeights& two);
};
/// Their sums over the threads that have any, in the order of the threads; the tensors of the first are used.
std::optional<WeightGradients> sum(std::vector<std::optional<WeightGradients>>& threads);

/// total += part, where there is such a total.
void add(const at::Tensor& total, const std::vector<float>& part);

/// total += sum over the rows of x.
void add_column_sums(const at::Tensor& total, const Matrix& x);

/// dx of a tile from dy, the gradient of norm(x); with pass_on (may be null), the gradient that reached x past the
/// norm, added. Adds the norm's own gradients to `gradients`.
void norm_tile_backward(const NormInFront& norm, const float* x, const Tile& tile, const Matrix& dy,
                        const float* pass_on, const at::Tensor& mean, const at::Tensor& rstd, float* dx,
                        WeightGradients* gradients);

}  // namespace strata::ops
