#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

#include "strata/base/config.h"
#include "strata/eval/score.h"

namespace strata {

/// The mean of tensors of one shape, the same bits in whatever order they come: each number's members are sorted, then
/// added up along a binary tree. Equal members, a power of two of them, give that member bit for bit. Throws Error for
/// none, or for shapes that differ.
Tensor mean_of(const std::vector<Tensor>& members);

/// What the members of an ensemble average: class probabilities, or logits.
enum class Average { probabilities, logits };

inline auto enum_names(Average) {
  return std::array{EnumName{"probabilities", Average::probabilities}, EnumName{"logits", Average::logits}};
}

/// Logarithms of the ensemble's class probabilities: logits [rows, classes] of each member -> [rows, classes].
Tensor ensemble_log_probabilities(const std::vector<Tensor>& logits, Average average);

/// A model and the routes through it that take part; several routes of one model share their beginnings.
struct EnsembleMember {
  const Stack* stack = nullptr;
  std::vector<Route> routes;
  ImageConfig images;  // how this model wants its pixels
  const StackSources* sources = nullptr;
  std::vector<int64_t> classes = {};  // what class each of its logits is of; empty: class 0, 1, ...
};

/// Accuracy and loss of the members' average over all images. Throws Error when there are no members, or when they tell
/// different numbers of classes apart, and when a member's classes are not each one other.
Score score_ensemble(const std::vector<EnsembleMember>& members, const ImageSet& set, int64_t batch, Average average);

}  // namespace strata
