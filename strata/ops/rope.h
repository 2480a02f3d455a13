#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strata/ops/rows.h"

namespace strata {

/// Rotary positions (Su et al. 2021) and the published ways to stretch them, with the names and defaults of Hugging
/// Face's rope_parameters. `type`: default | linear | dynamic | llama3 | yarn | longrope.
struct RopeConfig {
  std::string type = "default";
  double theta = 10000;
  double partial = 1;            // share of each head that turns: the first int(head_dim * partial) channels
  double factor = 1;             // all but default; longrope: 0 for context / original_context
  int64_t context = 2048;        // longest sequence the model takes
  int64_t original_context = 0;  // that it was pretrained with (llama3, yarn, longrope); 0: context
  double low_freq_factor = 1, high_freq_factor = 4;                      // llama3
  double beta_fast = 32, beta_slow = 1, mscale = 0, mscale_all_dim = 0;  // yarn
  bool truncate = true;                                                  // yarn
  double attention_factor = 0;                                           // yarn, longrope; 0: from the factor
  std::vector<double> short_factor, long_factor;                         // longrope, one for each pair

  bool operator==(const RopeConfig&) const = default;
};

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
