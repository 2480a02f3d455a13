#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "strata/models/vit.h"

namespace strata {

/// Reads Hugging Face's config.json of a ViTForImageClassification into sizes; a key that is absent or null has the
/// default of their class. `class_names` becomes id2label, empty where the file has none (the rows of the classifier
/// then say how many there are, and config.classes is 0). Throws Error naming `file` and the key for wrong types, sizes
/// beyond reason and features we lack (other activations, other architectures).
VitConfig vit_from_json(const nlohmann::json& json, const std::string& file, std::vector<std::string>& class_names);

/// The same as transformers 5 writes it, with dtype under its names in versions 4 and 5.
nlohmann::ordered_json vit_to_json(const VitConfig& config, const std::vector<std::string>& class_names,
                                   const std::string& dtype);

}  // namespace strata
