#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "strata/formats/vit_config.h"

namespace strata {

/// VitConfig::classes where config.json does not say how many there are; the rows of the classifier then do.
inline constexpr int64_t kUnsaid = -1;

/// Reads Hugging Face's config.json of a ViTForImageClassification, or of a ViTModel, which has no classes, into sizes; a
/// key that is absent or null has the default of their class. `class_names` becomes id2label, empty where the file has
/// none (config.classes is then kUnsaid, or num_labels). Throws Error naming `file` and the key for wrong types, sizes
/// beyond reason, features we lack (other activations, other architectures), and keys we do not know that could change
/// what the model computes.
VitConfig vit_from_json(const nlohmann::json& json, const std::string& file, std::vector<std::string>& class_names);

/// The same as transformers 5 writes it, with dtype under its names in versions 4 and 5. `base` is what the file was
/// opened with, or an empty object: keys that are not about sizes, classes and types are kept from it.
nlohmann::ordered_json vit_to_json(const VitConfig& config, const std::vector<std::string>& class_names,
                                   const nlohmann::ordered_json& base, const std::string& dtype);

}  // namespace strata
