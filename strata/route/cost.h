#pragma once

#include <functional>

#include "strata/route/route.h"
#include "strata/route/spec.h"

namespace strata {

/// What one call costs.
using CallCost = std::function<double(const Call&)>;

/// Every call costs one block pass: right when no route of interest calls parts.
double whole_block_cost(const Call& call);

/// A whole block costs one pass, one part of a block with n parts 1/n of a pass. Limits are not counted: this is a
/// count of blocks, not of operations. `chain` and `sources` as in validate; both must outlive the result.
CallCost part_cost(const ChainSpec& chain, const Sources& sources);

/// Sum over all calls; side-by-side calls count one by one.
double cost(const Step& step, const CallCost& call_cost = whole_block_cost);
double cost(const Route& route, const CallCost& call_cost = whole_block_cost);

}  // namespace strata
