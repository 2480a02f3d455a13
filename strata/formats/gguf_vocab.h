#pragma once

#include <map>
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

/// The files that say the same beside a Hugging Face checkpoint: name -> text of tokenizer.json and
/// tokenizer_config.json. The kept text where there is one, else built from the entries; `warnings` says what could not
/// be. Empty without a vocabulary.
std::map<std::string, std::string> vocabulary_from_gguf(const Gguf& file, std::vector<std::string>& warnings);

}  // namespace strata
