#pragma once

#include <string>
#include <utility>
#include <vector>

#include "strata/surgery/assemble.h"
#include "strata/surgery/merge_config.h"

namespace strata {

/// One model of several, by parameters (strata/surgery/combine.h) or by layers. Tensors are combined one by one under the
/// names and in the pieces in which checkpoints hold them (query, key and value apart), so that results are those of
/// mergekit's recipes; gradients run over the layers of a slice, embeddings (of the first slice), norm and head (of
/// the last) stand at 0. Sums are taken in float64. Classes, pixels and block names are the base's, or the first
/// model's. `models` holds all that models_of lists. Throws Error for models of different sizes, classes or pixels, for
/// layers that are not there, and for what check_merge refuses.
Model merge(const MergeConfig& config, const ModelSources& models);

/// Whether every block of the result is a copy of one block: the seams between them can then be told
/// (strata/surgery/interface.h).
bool copies_blocks(const MergeConfig& config);

/// For such a merge, the models whose blocks, and last whose head, the result holds: (name, block) each.
std::vector<std::pair<std::string, int64_t>> copied_blocks(const MergeConfig& config, const ModelSources& models);

}  // namespace strata
