#include "strata/ops/tiles.h"

#include <algorithm>

#include "strata/kernels/activation.h"
#include "strata/kernels/norm.h"

namespace strata::ops {
namespace {

// What a tile works on should fit into the second cache level beside the weights, and be long enough for the products
// to reach their speed.
constexpr int64_t kTileFloats = 96 * 1024;
constexpr int64_t kLeastRows = 256, kMostRows = 512;
constexpr int64_t kShares = 8;

// A multiple of kShares, so that all threads of the usual numbers get the same amount of work.
int64_t tile_count(int64_t rows, int64_t floats_per_row) {
  const int64_t most = std::clamp(kTileFloats / std::max<int64_t>(floats_per_row, 1), kLeastRows, kMostRows);
  return (rows + most * kShares - 1) / (most * kShares) * kShares;
}

const float* data(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}
float* writable(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr;
}
float* at_row(const at::Tensor& per_row, int64_t row) {
  return per_row.defined() ? per_row.mutable_data_ptr<float>() + row : nullptr;
}

}  // namespace

std::vector<Tile> row_tiles(int64_t rows, int64_t floats_per_row) {
  const int64_t count = tile_count(rows, floats_per_row), size = (rows + count - 1) / count;
  std::vector<Tile> tiles;
  for (int64_t first = 0; first < rows; first += size) tiles.push_back({first, std::min(first + size, rows)});
  return tiles;
}

std::vector<Tile> sequence_tiles(const Rows& rows, int64_t floats_per_row) {
  const int64_t count = tile_count(rows.count, floats_per_row);
  std::vector<Tile> tiles;
  // A tile ends with the first sequence that reaches its share of the rows.
  for (int64_t s = 0; s < rows.sequences; ++s) {
    const int64_t end = rows.begin(s + 1);
    if (tiles.empty() || tiles.back().end >= rows.count * static_cast<int64_t>(tiles.size()) / count)
      tiles.push_back({rows.begin(s), end, s, s + 1});
    else
      tiles.back().end = end, tiles.back().sequence_end = s + 1;
  }
  return tiles;
}

int64_t longest(const std::vector<Tile>& tiles) {
  int64_t most = 0;
  for (const Tile& tile : tiles) most = std::max(most, tile.rows());
  return most;
}

// On processors that are not Intel's, MKL clears what it overwrites in a pass of its own, slower than filling it here.
// What is added to the product lies there already, so that no pass adds it afterwards.
void linear_tile(const Matrix& y, const Matrix& x, const TileFactor& factor, const at::Tensor& bias,
                 const float* input) {
  static const bool overwrites = __builtin_cpu_is("intel") != 0;
  const float* const added = data(bias);
  float* const out = y.data;
  const int64_t rows = y.rows, columns = y.columns;
  if (input == nullptr && added == nullptr && overwrites) return multiply(y, x, factor, false);
  for (int64_t r = 0; r < rows; ++r) {
    float* const row = out + r * columns;
    if (input == nullptr && added == nullptr)
      std::fill_n(row, columns, 0.0F);
    else if (input == nullptr)
      std::copy_n(added, columns, row);
    else if (added == nullptr)
      std::copy_n(input + r * columns, columns, row);
    else
      for (int64_t c = 0; c < columns; ++c) row[c] = input[r * columns + c] + added[c];
  }
  multiply(y, x, factor, true);
}

void norm_tile(const NormInFront& norm, const float* x, const Tile& tile, const Matrix& y, const at::Tensor& mean,
               const at::Tensor& rstd) {
  const NormForward args{.rows = tile.rows(),
                         .channels = y.columns,
                         .x = x + tile.first * y.columns,
                         .gain = data(norm.gain),
                         .bias = data(norm.bias),
                         .eps = static_cast<float>(norm.eps),
                         .y = y.data,
                         .mean = norm.layer ? at_row(mean, tile.first) : nullptr,
                         .rstd = at_row(rstd, tile.first)};
  norm.layer ? layer_norm_forward(args) : rms_norm_forward(args);
}

WeightGradients::WeightGradients(const NormInFront& norm, const LinearWeights& one, const LinearWeights& two) {
  const auto zeros = [](const at::Tensor& like) {
    return like.defined() ? at::zeros(like.sizes(), at::kFloat) : at::Tensor();
  };
  gain = zeros(norm.gain), bias = zeros(norm.bias);
  first = zeros(one.weight), first_bias = zeros(one.bias);
  second = zeros(two.weight), second_bias = zeros(two.bias);
}

std::optional<WeightGradients> sum(std::vector<std::optional<WeightGradients>>& threads) {
  std::optional<WeightGradients> total;
  for (auto& part : threads) {
    if (!part) continue;
    if (!total) {
      total = part;
      continue;
    }
    for (const auto member : {&WeightGradients::gain, &WeightGradients::bias, &WeightGradients::first,
                              &WeightGradients::first_bias, &WeightGradients::second, &WeightGradients::second_bias})
      if (((*total).*member).defined()) ((*total).*member).add_((*part).*member);
  }
  return total;
}

void add(const at::Tensor& total, const std::vector<float>& part) {
  if (!total.defined()) return;
  float* const out = writable(total);
  for (size_t i = 0; i < part.size(); ++i) out[i] += part[i];
}

void add_column_sums(const at::Tensor& total, const Matrix& x) {
  std::vector<float> sums(x.columns);
  bias_grad({.rows = x.rows, .channels = x.columns, .x = x.data, .out = sums.data()});
  add(total, sums);
}

void norm_tile_backward(const NormInFront& norm, const float* x, const Tile& tile, const Matrix& dy,
                        const float* pass_on, const at::Tensor& mean, const at::Tensor& rstd, float* dx,
                        WeightGradients* gradients) {
  const int64_t channels = dy.columns, at = tile.first * channels;
  std::vector<float> dgain(channels), dbias(channels);
  const NormBackward args{.rows = tile.rows(),
                          .channels = channels,
                          .dy = dy.data,
                          .stream = x + at,
                          .mean = norm.layer ? at_row(mean, tile.first) : nullptr,
                          .rstd = at_row(rstd, tile.first),
                          .gain = data(norm.gain),
                          .dstream_in = pass_on == nullptr ? nullptr : pass_on + at,
                          .dstream = dx + at,
                          .dgain = gradients ? dgain.data() : nullptr,
                          .dbias = gradients && norm.bias.defined() ? dbias.data() : nullptr};
  norm.layer ? layer_norm_backward(args) : rms_norm_backward(args);
  if (!gradients) return;
  add(gradients->gain, dgain);
  add(gradients->bias, dbias);
}

}  // namespace strata::ops
