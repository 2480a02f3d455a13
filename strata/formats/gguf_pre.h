#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace strata {

/// What a name of `tokenizer.ggml.pre` stands for: how a byte-level model cuts text into words before it merges, and
/// what else goes by that name (llama.cpp, src/llama-vocab.cpp).
struct GgufPre {
  std::string_view name;
  /// Regular expressions, each applied to the pieces that the one before left: matches are pieces, and so is what lies
  /// between them.
  std::span<const std::string_view> expressions;
  bool ignore_merges = false;  // a word that is a token is that token, whatever its merges would give
  bool adds_bos = false;       // where the file does not say whether texts begin with the token
  /// The models of that name bring their text into this form first, which GGUF has no entry for.
  bool nfc = false;
};

/// The names that are known here, other names of the same included; nullptr for others.
const GgufPre* find_gguf_pre(std::string_view name);

/// `pre_tokenizer` of a tokenizer.json that does the same.
nlohmann::ordered_json pre_tokenizer_json(const GgufPre& pre);

/// The name for the parsed tokenizer.json of a byte-level model, and what goes by that name and is another in it;
/// without a name `problem` says why there is none. Never throws: other parts of the tokenizer.json may be of any type.
struct GgufPreChoice {
  const GgufPre* pre = nullptr;
  std::string problem;
};
GgufPreChoice choose_gguf_pre(const nlohmann::json& tokenizer);

/// Whether the tokenizer.json of a SentencePiece model puts a space in front of texts (`tokenizer.ggml.add_space_prefix`).
bool puts_space_first(const nlohmann::json& tokenizer);

}  // namespace strata
