#pragma once

#include <string>
#include <vector>

#include "strata/eval/probe.h"

namespace strata {

/// What running its blocks in another order does to a model, judged by the intervals.
enum class OrderEffect {
  guessing,  // does not beat guessing even in order: nothing can be said
  none,      // no difference beyond the noise
  change,    // better or worse, and still better than guessing
  collapse,  // no better than guessing
};
OrderEffect order_effect(const ElasticityReport& report);

/// The finding in one to three sentences, computed from the numbers: what another order costs, what missing blocks
/// cost, and no difference called one that the intervals do not support.
std::string finding(const std::vector<ElasticityReport>& reports);

/// "83.0 %" of a share 0 .. 1.
std::string percent(double share, int decimals = 1);

}  // namespace strata
