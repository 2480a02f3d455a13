#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strata/models/checkpoint.h"

namespace strata {

/// The tensors of Hugging Face's ViTForImageClassification that hold a weight of a vision transformer of ours, in the
/// order in which they follow each other in it: one for most, query, key and value for the fused qkv. What they do not
/// have (slot tables, adapters, predictors) keeps our name below "strata.".
std::vector<FileTensor> vit_file_tensors(const ParamInfo& param);

/// Name of a tensor as save_pretrained of a classifier writes it, from that, from the names of a bare ViTModel, which lack
/// "vit.", or from the module names of transformers 5 (vit.layers.N.attention.q_proj, mlp.fc1, ...), with which a
/// state_dict can be stored directly. Other names come back unchanged.
std::string canonical_vit_name(std::string_view name);

/// Whether a file may hold this tensor although classification does not use it (the pooler).
bool unused_vit_tensor(std::string_view canonical_name);

CheckpointNames vit_names();

}  // namespace strata
