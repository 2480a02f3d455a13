// Parser: strata/formats/gguf_config.cpp strata/formats/gguf_vocab.cpp
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/error.h"
#include "strata/formats/gguf_config.h"
#include "strata/formats/gguf_vocab.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/tokenizer_json.h"
#include "tests/fuzz/expect_refused.h"

namespace {

using nlohmann::json;

constexpr size_t kMostNumbers = 4096;  // of a tensor

strata::GgufArray list_of(const json& list) {
  const auto all = [&](auto fits) { return std::all_of(list.begin(), list.end(), fits); };
  if (all([](const json& each) { return each.is_string(); })) return list.get<std::vector<std::string>>();
  if (all([](const json& each) { return each.is_number_integer(); })) return list.get<std::vector<int64_t>>();
  if (all([](const json& each) { return each.is_number(); })) return list.get<std::vector<float>>();
  return std::vector<bool>(list.size());
}

strata::GgufValue value_of(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_unsigned() && value.get<uint64_t>() > UINT32_MAX) return value.get<uint64_t>();
  if (value.is_number_unsigned()) return value.get<uint32_t>();
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number_float()) return value.get<float>();
  if (value.is_array()) return list_of(value);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// The shape at a name: a list of small whole numbers.
std::vector<int64_t> shape_of(const json& value) {
  std::vector<int64_t> shape;
  size_t count = 1;
  for (const json& size : value) {
    if (!size.is_number_unsigned() || size > kMostNumbers) break;
    count *= size.get<size_t>();
    if (count > kMostNumbers) break;
    shape.push_back(size.get<int64_t>());
  }
  return shape;
}

// What stands behind the shape says which number all numbers of the tensor are; nothing: one.
float value_in(const json& value) {
  return value.is_array() && !value.empty() && value.back().is_number_float() ? value.back().get<float>() : 1.0F;
}

// The file that a JSON object describes: its keys are metadata; those of "tensors" names and shapes of float32 tensors.
std::string file_of(const json& described) {
  static const std::vector<float> ones(kMostNumbers, 1.0F);
  std::list<std::vector<float>> others;
  strata::GgufMetadata metadata;
  std::vector<strata::GgufTensor> tensors;
  for (const auto& [key, value] : described.items()) {
    if (key != "tensors") {
      metadata.emplace_back(key, value_of(value));
      continue;
    }
    for (const auto& [name, shape] : value.items()) {
      strata::GgufTensor tensor{name, strata::BlockType::F32, shape_of(shape), {}};
      const auto count = static_cast<size_t>(tensor.count());
      std::span<const float> numbers = std::span(ones).first(count);
      if (const float number = value_in(shape); number != 1) numbers = others.emplace_back(count, number);
      tensor.bytes = std::as_bytes(numbers);
      tensors.push_back(std::move(tensor));
    }
  }
  std::string file = strata::gguf_header("file", metadata, tensors);
  const auto found = described.find("general.alignment");
  const size_t alignment =
      found == described.end() ? 32 : found->get<size_t>();  // a power of two, or gguf_header threw
  if (alignment > kMostNumbers) strata::fail("file: too large");
  for (const auto& tensor : tensors) {
    file.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    file.resize((file.size() + alignment - 1) / alignment * alignment);
  }
  return file;
}

// tokenizer.json of a folder that makes no vocabulary of four rows.
bool refuses_bad_tokenizers() {
  const strata::FilesForFuzzing folder;
  for (const char* model :
       {"null", R"({"vocab": [], "merges": []})", R"({"vocab": {"a": "0"}, "merges": []})",
        R"({"vocab": {"a": 4}, "merges": []})", R"({"vocab": {"a": 0}, "merges": {}})",
        R"({"vocab": {"a": 0}, "merges": ["aa"]})", R"({"vocab": {"a": 0}, "merges": []}, "added_tokens": {})"}) {
    folder.put("tokenizer.json", std::string(R"({"model": )") + model + "}");
    strata::expect_refused([&] { return strata::vocabulary_to_gguf(folder.path(), 4).metadata.size(); });
  }
  return true;
}

void check_vocabulary(const strata::Gguf& file) {
  std::vector<std::string> warnings;
  const auto files = strata::vocabulary_from_gguf(file, warnings);
  const auto text = files.find("tokenizer.json"), config = files.find("tokenizer_config.json");
  if (text == files.end()) return;
  const strata::Tokenizer tokenizer =
      strata::tokenizer_from_json(text->second, config == files.end() ? "" : config->second, "tokenizer");
  if (file.find("tokenizer.huggingface.json") != nullptr) return;  // says what it likes
  const auto& tokens = *file.texts("tokenizer.ggml.tokens");
  const auto types = file.integers("tokenizer.ggml.token_type");
  for (size_t i = 0; i < tokens.size(); ++i)
    if ((!types || (*types)[i] != 5) && nlohmann::json(tokenizer.token(static_cast<int32_t>(i))) != tokens[i])
      std::abort();
}

}  // namespace

// Any metadata and tensors are either refused by an Error or become a config.json and a tokenizer with the file's
// tokens.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool checked = refuses_bad_tokenizers();
  (void)checked;
  std::string file;
  try {
    const json described = strata::parse_json({reinterpret_cast<const char*>(data), size}, "input");
    if (!described.is_object()) return 0;
    file = file_of(described);
  } catch (const strata::Error&) {
    return 0;
  }
  try {
    const strata::GgufFiles files(strata::Gguf(std::as_bytes(std::span(file)), "file"));
    const json config = strata::config_from_gguf(files);
    if (!config.contains("model_type") || !config.contains("vocab_size")) std::abort();
  } catch (const strata::Error&) {  // no model; its vocabulary may be one
  }
  try {
    check_vocabulary(strata::Gguf(std::as_bytes(std::span(file)), "file"));
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
