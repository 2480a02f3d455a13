#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "strata/text/sampling.h"

namespace strata {

/// What a checkpoint says about generating with it.
struct GenerationConfig {
  Sampling sampling;
  std::optional<int64_t> max_new_tokens;  // of output
  /// Prompt and output together; max_new_tokens goes before it. 20, the default that old versions of transformers wrote
  /// out, counts as nothing said.
  std::optional<int64_t> max_length;
  std::optional<int32_t> bos, pad;
  std::vector<int32_t> ends;              // eos_token_id: the one that comes is put out, then generation ends
  std::vector<std::string> stop;          // texts that end the output
  std::vector<std::string> not_followed;  // keys that ask for what Strata does not do, such as num_beams 4
};

/// Reads generation_config.json of Hugging Face transformers, 4 or 5. Keys that are absent or null have its defaults
/// (top_k 50 among them, active when do_sample is true). Throws Error naming `file` and key for wrong types and values.
GenerationConfig generation_config_from_json(const nlohmann::json& json, const std::string& file);

/// That of a model's folder; without the file, the ids of config.json and the defaults.
GenerationConfig open_generation_config(const std::string& folder);

/// The same of files that were read already: name -> text. `folder` stands in messages.
GenerationConfig generation_config_of(const std::map<std::string, std::string>& files, const std::string& folder);

}  // namespace strata
