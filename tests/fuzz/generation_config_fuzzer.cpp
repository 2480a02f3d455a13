// Parser: strata/formats/generation_config.cpp strata/formats/json_fields.cpp
#include <array>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "strata/base/error.h"
#include "strata/base/random.h"
#include "strata/formats/generation_config.h"
#include "strata/formats/json_fields.h"

// Any text is either refused by an Error or gives settings that sampling takes, and by which a token is picked.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::GenerationConfig config;
  try {
    const auto json = strata::parse_json({reinterpret_cast<const char*>(data), size}, "input");
    config = strata::generation_config_from_json(json, "input");
  } catch (const strata::Error&) {
    return 0;
  }
  strata::check(config.sampling);
  if (config.max_length.value_or(0) < 0 || config.max_new_tokens.value_or(0) < 0) std::abort();
  const std::array<int32_t, 5> tokens{1, 2, 1, 2, 3};
  std::array<float, 16> logits;
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 7 % 16) - 8;
  try {
    const strata::TokenHistory history{.tokens = tokens, .prompt = 1, .last = size % 2 == 0, .ends = config.ends};
    const int32_t token = strata::pick(config.sampling, history, logits, strata::Random(size));
    if (token < 0 || token >= std::ssize(logits)) std::abort();
  } catch (const strata::Error&) {  // everything was forbidden
    return 0;
  }
  return 0;
}
