#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "strata/models/model.h"

namespace strata {

/// Takes over what a strata.json says of the model it was written for; throws Error naming `file` for one of another.
void take_notes(Model& model, const nlohmann::json& text, const std::string& file);

}  // namespace strata
