#pragma once

#include "strata/blocks/block.h"

namespace strata {

/// Runs a block on the live rows of a stream and leaves the others as they are. Returns what `block.forward` would: the
/// delta of all rows (zero where nothing ran) for a block that adds, the whole stream for one that replaces. Throws for
/// a block that changes rows.
Stream run_live(const Block& block, const Weights& weights, const Stream& x, Pass& pass, const Live& live);

}  // namespace strata
