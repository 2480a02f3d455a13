#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

/// How a tensor of a Hugging Face checkpoint lies in a GGUF file. Rows are counted along the first axis.
enum class GgufForm {
  as_is,
  transposed,   // GPT-2 stores [in, out], GGUF [out, in]
  interleaved,  // llama's q and k: within a head, rows i and i + head_dim / 2 become rows 2 i and 2 i + 1
  per_kind,     // GPT-NeoX's [q | k | v] of each head becomes all q, all k, all v
};

/// What conversion needs to know of a model.
struct GgufModel {
  std::string model_type;  // of config.json: llama, mistral, qwen2, qwen3, gpt2, gpt_neox
  int64_t layers = 0, heads = 0, kv_heads = 0;
  bool tied = false;  // the head is the embedding's table
};

/// One tensor under both names.
struct GgufTwin {
  std::string file;  // in the Hugging Face checkpoint
  std::string gguf;
  GgufForm form = GgufForm::as_is;
  int64_t heads = 0;  // for the last two forms
  bool required = true;
};

/// "llama" for llama and mistral, "gptneox", ...: general.architecture. Throws Error for other model types.
std::string gguf_architecture(std::string_view model_type);

/// All tensors that a model of this kind may have, with their names and forms. Throws Error for other model types.
std::vector<GgufTwin> gguf_twins(const GgufModel& model);

/// The name by which gguf_twins knows a tensor of a checkpoint: files of the bare model lack the first part of names.
/// Nothing for buffers that no model reads.
std::optional<std::string> canonical_name(std::string_view model_type, std::string_view name);

/// Puts float32 values of a tensor with `rows` rows of `columns` numbers from the checkpoint's form into GGUF's, or
/// back. `rows` is the number in the form given. Throws Error when rows do not divide by the heads.
std::vector<float> to_gguf_form(const GgufTwin& twin, std::vector<float> values, int64_t rows, int64_t columns);
std::vector<float> from_gguf_form(const GgufTwin& twin, std::vector<float> values, int64_t rows, int64_t columns);

}  // namespace strata
