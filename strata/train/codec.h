#pragma once

#include <optional>
#include <string>

#include "strata/data/text.h"
#include "strata/models/model.h"
#include "strata/text/tokenizer.h"
#include "strata/train/recipe.h"

namespace strata {

/// A tokenizer as data wants it: what its post-processor puts in front of a text begins a document, its end-of-text
/// token ends one.
TextCodec codec_of(const Tokenizer& tokenizer, const std::string& name);

/// That of a recipe: data.tokens, with a tokenizer learned from the documents where it says so; `start` is the
/// checkpoint that training goes on from, or "".
TextCodec codec_of(const TextConfig& config, const std::string& start, const std::vector<TextDocument>& documents);

/// The tokenizer.json that came with a model, whether that is a folder, a name in a cache or a GGUF file; bytes where it
/// knows 256 tokens and brings none; else nothing. `name` stands in messages.
std::optional<Tokenizer> tokenizer_of(const Model& model, const std::string& name);
/// Why it found none, as half a sentence: a GGUF file may hold one that is not known here.
std::string why_no_tokenizer(const Model& model, const std::string& name);

/// How a language model's text becomes tokens: by the tokenizer.json that came with it, or as bytes where it knows 256
/// tokens and brings none. `name` stands in messages. Throws Error when there is no telling.
TextCodec codec_of(const Model& model, const std::string& name);

}  // namespace strata
