#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "strata/text/tokenizer.h"

namespace strata {

/// Reads a tokenizer.json, or the one in a folder, and the names of its bos, eos and pad tokens and its
/// model_max_length from tokenizer_config.json beside it, where there is one. The file is followed, not the class that
/// tokenizer_config.json names. Throws Error for files that are malformed, contradict themselves, or need a part that
/// would change ids and that we do not have.
Tokenizer open_tokenizer(const std::string& folder_or_file);

/// The same from texts in memory; `file` names them in messages. An empty config_text: no tokenizer_config.json.
Tokenizer tokenizer_from_json(std::string_view text, std::string_view config_text, const std::string& file);

/// What the post-processor of a parsed tokenizer.json puts around a text. Throws Error for a kind that we do not have.
struct IdsAround {
  std::vector<int32_t> before, after;
};
IdsAround ids_around_text(const nlohmann::json& tokenizer, const std::string& file);

/// The texts of tokenizer.json (for the `tokenizers` library) and tokenizer_config.json (for transformers).
std::string tokenizer_to_json(const Tokenizer& tokenizer);
std::string tokenizer_config_to_json(const Tokenizer& tokenizer);

/// Writes both files into a folder, which is made where it is missing.
void save_tokenizer(const Tokenizer& tokenizer, const std::string& folder);

}  // namespace strata
