#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strata/models/model.h"
#include "strata/route/route.h"

namespace strata {

/// The model with nothing but the blocks of `route` left, in that order: its forward pass is the route's, bit for bit.
/// Throws Error for a route that calls a block twice, and for what assemble refuses.
Model prune(const Model& model, const Route& route);

/// The `keep` blocks whose worth is greatest, in ascending order; of equals the later ones go first. Throws Error when
/// there are fewer blocks, or when a worth is not a number.
Route keep_worthiest(const std::vector<double>& worth, int64_t keep);

/// `keep` of `depth` blocks at even distances, first and last among them (for one: the first). Neighbouring blocks go
/// together last; losing a contiguous half is what hurts most (Fan et al. 2019, sec. 6).
Route keep_evenly(int64_t depth, int64_t keep);

/// What each block is worth by the report of `strata probe` (probe.json): the loss without it. Throws Error for a file
/// that is none, or that reports on several models or on one of another depth.
std::vector<double> worth_by_probe(const std::string& path, int64_t depth);

}  // namespace strata
