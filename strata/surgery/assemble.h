#pragma once

#include <map>
#include <string>

#include "strata/models/model.h"
#include "strata/route/route.h"

namespace strata {

/// The models that routes may call by name.
using ModelSources = std::map<std::string, const Model*, std::less<>>;

/// The checkpoint that a route through `model` stands for: its block i is the block that step i calls, everything else is
/// that of `model`; along all its blocks in order it gives the bits that the route gives. Tensors are shared with the
/// models they come from. Blocks keep their stable names (below the source's name where they come from one, with #2, #3
/// behind them where they are called again), stored routes are rewritten (a block called several times is found where it
/// was called first). Throws Error for a route that does not fit, that calls parts, limits or blocks side by side, for
/// which a checkpoint has no room, and for sources whose blocks have other sizes.
Model assemble(const Model& model, const Route& route, const ModelSources& sources = {});

/// Throws Error unless the blocks of `source` have the sizes and the type of those of `model`, so that one checkpoint can
/// hold both.
void check_same_blocks(const std::string& name, const Model& source, const Model& model);

/// A block of a model, by its index there.
struct BlockOf {
  const Model* model;
  int64_t block;
};

/// What surgery starts from: a model like `model`, still without stacks, whose block i is configured as `blocks[i]` and
/// called block_ids[i], with #2, #3 behind a name that is taken; block i of `model` is block places[i] of it, or gone (-1), and stored routes say so. Slots stay
/// as many as there were. Throws Error when there are more blocks than slots, and for a block that its place tells what
/// to compute (scale_by_depth) in another place.
Model without_weights(const Model& model, const std::vector<std::string>& block_ids, const std::vector<int32_t>& places,
                      const std::vector<BlockOf>& blocks);

/// Where block i of the opened model is after assembling `route`: the first step that calls it, -1 where none does.
std::vector<int32_t> places_after(const Route& route, int64_t depth);

/// "blocks.3.ffn.up.weight" taken apart: 3 and "ffn.up.weight"; block -1 and the whole name for other weights.
struct BlockWeight {
  int64_t block = -1;
  std::string rest;
};
BlockWeight split_block_weight(const std::string& name);

}  // namespace strata
