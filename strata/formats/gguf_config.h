#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "strata/formats/gguf.h"
#include "strata/formats/gguf_names.h"

namespace strata {

/// What a config.json becomes in a GGUF file: entries `<architecture>.*`, and the numbers that divide the plain
/// frequencies of rotary positions (the tensor rope_freqs.weight), one for each pair of channels, where Llama 3's
/// scaling asks for them.
struct GgufConfig {
  GgufModel model;
  GgufMetadata metadata;  // general.architecture first
  std::vector<float> rope_divisors;
};

/// `file` is for messages. Throws Error naming the key for model types without a counterpart, and for what GGUF cannot
/// say: other activations, layers that differ in their attention, dynamic scaling of positions.
GgufConfig config_to_gguf(const nlohmann::json& config, const std::string& file);

/// The config.json (in the style of transformers 4 and 5 at once) of a file's metadata. Files that Strata wrote carry
/// the config.json they were made from; it is taken when it says what the metadata says. Throws Error naming the key.
nlohmann::ordered_json config_from_gguf(const GgufFiles& files);

/// What conversion needs to know of it. Throws Error naming `file` and key.
GgufModel gguf_model_of(const nlohmann::json& config, const std::string& file);

}  // namespace strata
