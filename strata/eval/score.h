#pragma once

#include <vector>

#include "strata/data/images.h"
#include "strata/stack/run.h"

namespace strata {

struct Score {
  int64_t samples = 0;
  double accuracy = 0;  // 0 .. 1
  double loss = 0;      // mean cross entropy

  bool operator==(const Score&) const = default;
};

/// Accuracy and loss of a stack along one route over all images of a set, `batch` at a time, without gradients. Throws
/// Error for a route that does not fit.
Score score(const Stack& stack, const Route& route, const ImageSet& set, const ImageConfig& config, int64_t batch = 500,
            const RunOptions& options = {});

/// What sharing prefixes saved.
struct TrieReport {
  double cost = 0;             // block passes run for each batch
  double cost_one_by_one = 0;  // block passes of all routes together
  double seconds = 0;
};

/// The scores of many routes, in their order: for each batch one depth-first walk through the trie of their prefixes,
/// so that every distinct prefix runs once. Bit-identical to score() of each; `share_prefixes` false runs them one by
/// one instead. `sources` as in RunOptions.
std::vector<Score> score_routes(const Stack& stack, const std::vector<Route>& routes, const ImageSet& set,
                                const ImageConfig& config, int64_t batch = 500, TrieReport* report = nullptr,
                                bool share_prefixes = true, const StackSources* sources = nullptr);

}  // namespace strata
