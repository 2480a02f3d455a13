#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "strata/formats/gguf_config.h"
#include "strata/formats/gguf_vocab.h"
#include "strata/formats/safetensors_index.h"

namespace strata {

/// A tensor of a model under its Hugging Face name, read when asked for.
struct SourceTensor {
  std::string name;
  std::vector<int64_t> shape;       // as in a Hugging Face checkpoint
  BlockType type = BlockType::F32;  // as stored: F32 is assumed of F64, which is narrowed
  std::function<std::vector<float>()> values;
  std::function<void()> drop;  // lets go of the memory that reading it took, until it is read again
};

/// A language model from a Hugging Face folder or a GGUF file, as what a Hugging Face checkpoint of it would hold.
/// Cheap to open: tensors stay in the mapped file.
struct SourceModel {
  nlohmann::ordered_json config;
  std::vector<SourceTensor> tensors;  // in the order of gguf_twins
  std::vector<std::string> warnings;
  std::function<GgufVocabulary(int64_t rows)> vocabulary;  // for a table of that many tokens
  std::map<std::string, std::string> companions;           // name -> text of tokenizer.json, tokenizer_config.json, ...
};

/// Opens either. Throws Error where tensors are missing, unknown or of another shape than their name asks for.
SourceModel open_source(const std::string& path);

struct ConvertOptions {
  std::string to;     // gguf | hf; empty: gguf where the name of the output ends in .gguf, else hf
  std::string dtype;  // f32 | f16 | bf16 | q8_0 | q4_0 (the last two in GGUF only); empty: as each tensor is stored,
                      // and float32 for blocks that are taken apart
};
struct ConvertReport {
  std::string to;
  size_t tensors = 0;
  uint64_t bytes = 0;
  std::vector<std::string> warnings;
};

/// Writes the model of `in` (a Hugging Face folder, a name in the local Hugging Face cache, or a GGUF file) as `out`, whole or not
/// at all, one tensor after the other: memory is needed for the largest of them, not for all. In GGUF vectors and norms stay F32, and tensors whose rows are no whole blocks become F16. Throws Error.
ConvertReport convert_checkpoint(const std::string& in, const std::string& out, const ConvertOptions& options);

}  // namespace strata
