#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "strata/formats/gguf.h"

namespace strata {

/// A tokeniser as metadata of a GGUF file, and what was lost on the way.
struct GgufVocabulary {
  GgufMetadata metadata;
  std::vector<std::string> warnings;
};

/// Reads a checkpoint folder's tokenizer.json (byte-pair encoding: byte-level, or SentencePiece's with byte fallback),
/// tokenizer_config.json and chat_template.jinja into the entries `tokenizer.*`; `rows` is the size of the model's table
/// of tokens. The text of tokenizer.json is kept too (tokenizer.huggingface.json), as GGUF's own entries cannot say all
/// of it. Without a tokenizer.json the entry says that there is no vocabulary. Throws Error for malformed files and for
/// ids beyond the table.
GgufVocabulary vocabulary_to_gguf(const std::string& folder, int64_t rows);

/// The id of the token that has `role` ("bos", "eos", "unknown", "padding"). Where the file names none of its tokens for
/// it, SentencePiece vocabularies have the ids that llama.cpp assumes of them (bos 1, eos 2, unknown 0), unless the file
/// carries a tokenizer.json, which then says what there is.
std::optional<int64_t> gguf_token_role(const Gguf& file, const std::string& role);

/// The files that say the same beside a Hugging Face checkpoint: name -> text of tokenizer.json and
/// tokenizer_config.json. The kept text where there is one, else built from the entries; `warnings` says what could not
/// be. Empty without a vocabulary.
std::map<std::string, std::string> vocabulary_from_gguf(const Gguf& file, std::vector<std::string>& warnings);

}  // namespace strata
