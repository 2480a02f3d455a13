#pragma once

#include <cstdint>
#include <vector>

#include "strata/base/random.h"
#include "strata/route/route.h"

namespace strata {

/// Orders of blocks by their number of inversions (pairs that stand the wrong way round): Kendall's tau distance is
/// inversions / (blocks (blocks - 1) / 2).
class Inversions {
 public:
  /// At most 128 blocks, beyond which the counts leave the range of double. Throws Error.
  explicit Inversions(int64_t blocks);

  int64_t blocks() const { return blocks_; }
  /// Of the reversed order.
  int64_t most() const { return blocks_ * (blocks_ - 1) / 2; }
  /// How many orders have exactly so many inversions (Mahonian numbers; rounded beyond 2^53).
  double orders(int64_t inversions) const;
  /// One of them, each as likely as the others. Throws Error when there is none.
  Route draw(int64_t inversions, Random random) const;

 private:
  double orders(int64_t blocks, int64_t inversions) const;
  int64_t blocks_;
  std::vector<std::vector<double>> counts_;  // [blocks][inversions]
};

}  // namespace strata
