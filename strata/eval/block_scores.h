#pragma once

#include <functional>
#include <vector>

#include "strata/eval/score.h"

namespace strata {

/// One block taken away for good.
struct Removal {
  int32_t block = 0;
  Route left;   // the blocks that are left, in order
  Score score;  // along them
};

/// Called after each removal with how many are done.
using RemovalProgress = std::function<void(int64_t done)>;

/// Backward elimination: `count` times, the block goes without which the loss is least (the first of equals). Each round
/// scores all candidates in one walk along the trie of their common beginnings. Throws Error when there are fewer blocks
/// than `count`.
std::vector<Removal> remove_greedily(const Stack& stack, int64_t count, const Exam& exam,
                                     const RemovalProgress& progress = {});

/// What each block does to the stream, all blocks in order, averaged over rows.
struct BlockChange {
  double magnitude = 0;  // |out - in| / |in|
  double turn = 0;       // 1 - cos(in, out): block influence (Men et al. 2024, ShortGPT, eq. 1)
};
std::vector<BlockChange> block_changes(const Stack& stack, const Exam& exam);

}  // namespace strata
