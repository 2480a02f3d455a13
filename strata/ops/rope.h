#pragma once

#include <cstdint>

#include "strata/formats/language_config.h"
#include "strata/ops/rows.h"

namespace strata {

namespace ops {

/// How fast each pair of channels turns, in radians per row, and what cosine and sine are multiplied by.
struct RopeFrequencies {
  Tensor inverse;  // [pairs] float32
  double scale = 1;
};

/// The frequencies for sequences of `length` rows (dynamic and longrope depend on it). Throws Error when the parameters
/// do not fit.
RopeFrequencies rope_frequencies(const RopeConfig& config, int64_t head_dim, int64_t length);

/// Cosine and sine for each row, [rows, pairs] float32; the length of a sequence is its largest position + 1.
///   positions [rows] int64, of the rows' places in their sequences
std::pair<Tensor, Tensor> rope_angles(const RopeConfig& config, int64_t head_dim, const Rows& rows,
                                      const Tensor& positions);

/// Turns channels i and i + pairs of each head by the row's angle; channels beyond 2 * pairs stay.
///   x [rows, heads * head_dim] -> the same shape
Tensor rotate(const Tensor& x, int64_t heads, const Tensor& cosine, const Tensor& sine);

}  // namespace ops
}  // namespace strata
