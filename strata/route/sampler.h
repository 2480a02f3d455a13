#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/config.h"
#include "strata/base/random.h"
#include "strata/route/route.h"

namespace strata {

/// fixed: always `route`. shuffle: a random order of all blocks (LayerShuffle, arXiv 2407.04513). drop: each block left
/// out with some probability, in order (LayerDrop, arXiv 1909.11556). shuffle_drop: a random subset in a random order.
inline constexpr std::array<std::string_view, 4> kSamplerKinds = {"fixed", "shuffle", "drop", "shuffle_drop"};

/// How the drop rate depends on depth. constant: p_l = drop. linear: p_l = drop * l / (blocks - 1), so 0 for the first
/// block and `drop` for the last. list: p_l = rates[l].
inline constexpr std::array<std::string_view, 3> kDropRates = {"constant", "linear", "list"};

/// Draws routes before the pass; knows no tensors.
struct SamplerConfig {
  std::string kind = "fixed";
  std::string route = {};  // fixed: the route as text; empty: all blocks in order
  int64_t window = 0;      // shuffle: blocks [0, w), [w, 2w), ... are each shuffled in themselves; 0: all together
  double drop = 0.2;       // drop: probability of leaving a block out
  std::string rate = "constant";   // drop: one of kDropRates
  std::vector<double> rates = {};  // drop: one probability per block, for rate "list"
  bool per_sample = false;         // drop: every sample of the batch draws its own blocks
  int64_t at_least = 0;            // drop: blocks that stay at the least (per sample with per_sample)
};

template <class Visit>
void fields(SamplerConfig& config, Visit&& visit) {
  visit("kind", config.kind);
  visit("route", config.route);
  visit("window", config.window, at_least(0));
  visit("drop", config.drop, between(0, 1));
  visit("rate", config.rate);
  visit("rates", config.rates, between(0, 1));
  visit("per_sample", config.per_sample);
  visit("at_least", config.at_least, at_least(0));
}

/// What a sampler drew for one batch.
struct Draw {
  Route route = {};
  /// Empty: every sample runs the whole route. Otherwise live[slot][sample] is 1 when that sample runs that step, else
  /// 0.
  std::vector<std::vector<uint8_t>> live = {};
};

/// Throws Error when the configuration makes no sense for a stack of `blocks` blocks.
void check_sampler(const SamplerConfig& config, int64_t blocks);

/// One draw for a batch of `samples` samples; a pure function of its arguments, so the same seed gives the same routes
/// on every thread count and machine. Give every training step its own stream: draw(config, blocks, samples,
/// Random(seed).fork(step)). With per_sample, what sample i draws does not depend on how many samples there are. All
/// blocks may be dropped: the route "none" is legal. `at_least` k > 0 prevents it: when fewer than k blocks stay,
/// dropped ones are brought back uniformly at random until k stay.
Draw draw(const SamplerConfig& config, int64_t blocks, int64_t samples, Random stream);

}  // namespace strata
