#pragma once

#include <vector>

#include "strata/data/images.h"
#include "strata/eval/exam.h"
#include "strata/stack/run.h"

namespace strata {

struct Score {
  int64_t samples = 0;       // images; predicted tokens
  double accuracy = 0;       // 0 .. 1
  double loss = 0;           // mean cross entropy, nats
  double bits_per_byte = 0;  // of text; 0 for images

  bool is_text() const { return bits_per_byte > 0; }
  bool measured() const { return samples > 0; }  // false: nothing was held out to be measured on
  double measure() const { return is_text() ? bits_per_byte : accuracy; }
  bool operator==(const Score&) const = default;
};

/// Throws Error unless these images can be scored with this stack: there are some, their labels are among its classes.
void check_scorable(const Stack& stack, const ImageSet& set, int64_t batch);

/// What the head gives along many routes for one input: their common beginnings run once. Throws Error for a route that
/// does not fit.
std::vector<Tensor> route_outputs(const Runner& runner, const std::vector<Route>& routes, const Stream& input);

/// Accuracy and loss of a stack along one route over all images of a set, `batch` at a time, without gradients. Throws
/// Error for a route that does not fit.
Score score(const Stack& stack, const Route& route, const ImageSet& set, const ImageConfig& config, int64_t batch = 500,
            const RunOptions& options = {});

/// The same for any questions.
Score score(const Stack& stack, const Route& route, const Exam& exam, const RunOptions& options = {});

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

std::vector<Score> score_routes(const Stack& stack, const std::vector<Route>& routes, const Exam& exam,
                                TrieReport* report = nullptr, bool share_prefixes = true,
                                const StackSources* sources = nullptr);

}  // namespace strata
