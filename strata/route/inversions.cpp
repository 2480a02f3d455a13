#include "strata/route/inversions.h"

#include <algorithm>

#include "strata/base/error.h"

namespace strata {

Inversions::Inversions(int64_t blocks) : blocks_(blocks) {
  constexpr int64_t kMost = 128;
  if (blocks < 0 || blocks > kMost) fail("inversions: expected 0 to ", kMost, " blocks, got ", blocks);
  counts_ = {{1.0}};
  for (int64_t n = 1; n <= blocks; ++n) {
    // The largest block may stand in front of 0 .. n - 1 of the others.
    std::vector<double> row(n * (n - 1) / 2 + 1);
    for (int64_t k = 0; k < std::ssize(row); ++k)
      for (int64_t before = 0; before <= std::min(n - 1, k); ++before) row[k] += orders(n - 1, k - before);
    counts_.push_back(std::move(row));
  }
}

double Inversions::orders(int64_t blocks, int64_t inversions) const {
  return inversions >= 0 && inversions < std::ssize(counts_[blocks]) ? counts_[blocks][inversions] : 0;
}

double Inversions::orders(int64_t inversions) const {
  return orders(blocks_, inversions);
}

Route Inversions::draw(int64_t inversions, Random random) const {
  if (orders(inversions) == 0)
    fail("inversions: orders of ", blocks_, " blocks have 0 to ", most(), " inversions, got ", inversions);
  // before[b]: in front of how many of the smaller blocks block b stands; the sum is what is asked for.
  std::vector<int64_t> before(blocks_);
  int64_t left = inversions;
  for (int64_t block = blocks_; block-- > 0;) {
    double mark = random.uniform() * orders(block + 1, left);
    for (int64_t count = 0; count <= std::min(block, left); ++count) {
      const double ways = orders(block, left - count);
      if (ways == 0) continue;
      before[block] = count;  // the last possible one, should rounding let the mark run past the end
      if (mark < ways) break;
      mark -= ways;
    }
    left -= before[block];
  }
  std::vector<int32_t> order;
  for (int64_t block = 0; block < blocks_; ++block)
    order.insert(order.end() - before[block], static_cast<int32_t>(block));
  return sequence(order);
}

}  // namespace strata
