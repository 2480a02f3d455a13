// Parser: strata/formats/gguf_config.cpp
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/error.h"
#include "strata/formats/gguf_config.h"
#include "strata/formats/json_fields.h"

namespace {

using nlohmann::json;

// A file of metadata, a table of tokens and, where there are some, divisors of frequencies.
std::string file_of(const strata::GgufMetadata& metadata, const std::vector<float>& divisors) {
  const std::vector<float> table(4);
  std::vector<strata::GgufTensor> tensors{{"token_embd.weight", strata::BlockType::F32, {2, 2}, {}}};
  tensors[0].bytes = std::as_bytes(std::span(table));
  if (!divisors.empty())
    tensors.push_back(
        {"rope_freqs.weight", strata::BlockType::F32, {std::ssize(divisors)}, std::as_bytes(std::span(divisors))});
  std::string file = strata::gguf_header("file", metadata, tensors);
  for (const auto& tensor : tensors) {
    file.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    file.resize((file.size() + 31) / 32 * 32);
  }
  return file;
}

json config_in(const std::string& file) {
  return strata::config_from_gguf(strata::GgufFiles(strata::Gguf(std::as_bytes(std::span(file)), "file")));
}

void forget_config(strata::GgufMetadata& metadata) {
  std::erase_if(metadata, [](const auto& entry) { return entry.first == "strata.config"; });
}

}  // namespace

// Any config.json is either refused by an Error or is the same when it went through a GGUF file; and what the file says
// without the copy that it carries is, to GGUF, the same again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  json config;
  strata::GgufConfig written;
  try {
    config = strata::parse_json(text, "input");
    written = strata::config_to_gguf(config, "input");
  } catch (const strata::Error&) {
    return 0;
  }
  if (written.rope_divisors.size() > 4096) return 0;
  if (config_in(file_of(written.metadata, written.rope_divisors)) != config) std::abort();
  try {
    forget_config(written.metadata);
    strata::GgufConfig again =
        strata::config_to_gguf(config_in(file_of(written.metadata, written.rope_divisors)), "again");
    forget_config(again.metadata);
    for (const auto& [key, value] : written.metadata)
      for (const auto& [other, found] : again.metadata)
        if (key == other && !key.ends_with("vocab_size") && !key.ends_with("attn_factor") && value != found)
          std::abort();             // the first is the table's rows, the second goes through a product
  } catch (const strata::Error&) {  // sizes that fit no model, or a scaling that GGUF alone cannot say
    return 0;
  }
  return 0;
}
