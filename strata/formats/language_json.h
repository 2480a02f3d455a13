#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "strata/formats/language_config.h"

namespace strata {

/// Whether a model_type of config.json is one of the language models we open.
bool is_language_family(std::string_view model_type);

/// Reads Hugging Face's config.json of a llama, mistral, qwen2, qwen3, gpt2, gpt_neox or opt, as versions 4 and 5 of
/// transformers write it; an absent key has the default of their class. Throws Error naming `file` and the key for wrong
/// types, sizes beyond reason, features we lack, and keys we do not know that could change what the model computes.
LanguageConfig language_from_json(const nlohmann::json& json, const std::string& file);

/// The same in the style of both versions at once. `base` is what the file was opened with, or an empty object: keys
/// that are not about the model's sizes (ids of special tokens, dropout rates) are kept from it.
nlohmann::ordered_json language_to_json(const LanguageConfig& config, const nlohmann::ordered_json& base,
                                        const std::string& dtype);

}  // namespace strata
