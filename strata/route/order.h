#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strata/base/random.h"
#include "strata/route/route.h"

namespace strata {

/// Kendall's tau distance between the order of a route's blocks and ascending order: the fraction of pairs that stand
/// the wrong way round, 0 (in order) to 1 (reversed). Pairs of the same block or of the same step have no order and do
/// not count; without any pair it is 0.
double kendall_tau_distance(const Route& route);

/// Puts the elements in a uniformly random order (Fisher-Yates).
void shuffle(std::vector<int32_t>& elements, Random& random);

/// All orders of blocks 0..blocks-1, lexicographic. Throws Error for more than 8 blocks (40,320 orders).
std::vector<Route> all_orders(int64_t blocks);

/// `count` independent, uniformly random orders of all blocks: the "arbitrary order" protocol of LayerShuffle.
std::vector<Route> random_orders(int64_t blocks, int64_t count, Random random);

/// `count` independent merges of models of `blocks` blocks each, called by the names in `sources` (empty: the opened
/// model): slot i runs block i of a model drawn at random; or, with `any_slot`, each slot a block drawn from all blocks of
/// all models, none of them twice. The protocol by which LayerShuffle merges. Throws Error without models.
std::vector<Route> random_merges(int64_t blocks, const std::vector<std::string>& sources, int64_t count, bool any_slot,
                                 Random random);

/// `count` independent choices of `kept` of the blocks, each uniform over all subsets: pruning at inference. Blocks run
/// in ascending order (the protocol of LayerDrop), or in a random one with `shuffled` (that of LayerShuffle).
std::vector<Route> random_subsets(int64_t blocks, int64_t kept, int64_t count, bool shuffled, Random random);

}  // namespace strata
