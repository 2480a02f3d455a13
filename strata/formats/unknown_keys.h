#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

namespace strata {

using Keys = std::set<std::string, std::less<>>;

/// What the configuration of any model of transformers may carry and none computes with: names, rates of training,
/// generation, and how the model is run in other programs.
const Keys& harmless_keys();

/// Throws Error for a key of a configuration that is not `known` and has a value that could change what the model
/// computes: a number, a text, true, a list or an object with something in it.
void refuse_unknown_keys(const nlohmann::json& config, const std::string& file,
                         const std::function<bool(const std::string& key)>& known);

}  // namespace strata
