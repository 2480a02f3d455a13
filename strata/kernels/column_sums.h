#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "strata/base/threads.h"

namespace strata {

/// Sums over rows that several threads work on, reproducible at one thread count: each thread adds blocks of 256 rows
/// in float and the blocks in double; the threads' totals are added in their order.
class ColumnSums {
 public:
  explicit ColumnSums(int64_t columns) : columns_(columns), totals_(columns * threads()), parts_(columns * threads()) {}

  /// Calls fn(from, to, part) for every block of rows in [begin, end); fn adds its sums to part [columns], which starts
  /// at zero.
  template <class Fn>
  void blocks(int thread, int64_t begin, int64_t end, Fn&& fn) {
    float* part = parts_.data() + thread * columns_;
    double* total = totals_.data() + thread * columns_;
    for (int64_t from = begin; from < end; from += kBlockRows) {
      std::fill(part, part + columns_, 0.0F);
      fn(from, std::min(from + kBlockRows, end), part);
      for (int64_t c = 0; c < columns_; ++c) total[c] += part[c];
    }
  }

  /// Writes columns [first, first + count) of the grand total to out, unless out is null.
  void write(int64_t first, int64_t count, float* out) const {
    if (!out) return;
    for (int64_t c = 0; c < count; ++c) {
      double total = 0;
      for (size_t at = first + c; at < totals_.size(); at += columns_) total += totals_[at];
      out[c] = static_cast<float>(total);
    }
  }

 private:
  static constexpr int64_t kBlockRows = 256;
  int64_t columns_;
  std::vector<double> totals_;  // [threads, columns]
  std::vector<float> parts_;    // [threads, columns]
};

}  // namespace strata
