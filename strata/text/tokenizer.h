#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/text/added_tokens.h"
#include "strata/text/bpe.h"
#include "strata/text/decoder.h"
#include "strata/text/normaliser.h"
#include "strata/text/pre_tokeniser.h"

namespace strata {

/// Everything a tokenizer.json says, as data.
struct TokenizerConfig {
  std::vector<AddedToken> added;
  std::vector<NormaliserStep> normaliser;
  std::vector<PreTokeniserStep> pre_tokeniser;
  BpeConfig model;
  std::vector<int32_t> before, after;  // what the post-processor puts around a text
  std::vector<DecoderStep> decoder;

  // From tokenizer_config.json, where it says so.
  std::optional<int32_t> bos, eos, pad;
  std::optional<int64_t> model_max_length;
};

struct EncodeOptions {
  bool special_in_text = true;  // special tokens written in the text are recognised
  bool add_special = true;      // what the post-processor adds is added
};

/// Text to ids and back. Cheap to copy; for any number of threads at once.
///
/// Text that is not UTF-8: byte-level models encode ill-formed bytes as they are, so that decode_bytes gives them back;
/// models with byte fallback use <0xHH>, others unk_token. For every other text the ids are those of the `tokenizers`
/// library.
class Tokenizer {
 public:
  /// Throws Error naming `who` when the parts contradict each other.
  Tokenizer(TokenizerConfig config, const std::string& who);

  const TokenizerConfig& config() const;

  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;

  /// The text of the ids; ids that are no token are left out, ill-formed UTF-8 becomes U+FFFD. It is that of the
  /// `tokenizers` library, which however lets special tokens through that its normaliser changes (0.23). Throws Error
  /// for negative ids, here and below.
  std::string decode(std::span<const int32_t> ids, bool skip_special = true) const;
  /// The bytes of the tokens one after the other: decode before U+FFFD and before spaces at the beginning are taken
  /// off.
  std::string decode_bytes(std::span<const int32_t> ids, bool skip_special = true) const;

  /// One more than the largest id.
  int64_t vocab_size() const;
  std::optional<int32_t> id(std::string_view token) const;
  /// The token as the vocabulary writes it, or an empty text for an id that is none.
  std::string token(int32_t id) const;
  /// What the token adds to the text.
  std::string bytes(int32_t id) const;
  bool special(int32_t id) const;

  std::optional<int32_t> bos() const { return config().bos; }
  std::optional<int32_t> eos() const { return config().eos; }
  std::optional<int32_t> pad() const { return config().pad; }

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// Text as it comes while tokens do: what push and finish return makes up decode(all ids). Characters whose bytes have
/// not all come are held back. One exception: decode shows each byte of an ill-formed run of byte tokens (<0xC3>) as
/// U+FFFD, here those characters of it stay that were given out before its first ill-formed byte.
class StreamDecoder {
 public:
  explicit StreamDecoder(Tokenizer tokenizer, bool skip_special = true)
      : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

  /// The text that one more token completes; often empty.
  std::string push(int32_t id);
  /// What was held back.
  std::string finish();

 private:
  struct Unfinished {
    size_t bytes = 0, tokens = 0;
  };
  // The character at the end that lacks bytes, and how many tokens it is spread over.
  Unfinished unfinished() const;
  std::string take(bool all);

  Tokenizer tokenizer_;
  bool skip_special_;
  std::vector<int32_t> ids_;  // tokens already given out that the next ones may depend on, then new ones
  size_t fresh_ = 0;          // the first that was not given out whole
  std::string given_;         // what was given out of their text
};

/// 256 tokens, one for each byte: id = byte.
Tokenizer byte_tokenizer();

/// One token for each character of `text`, in order of code points from id 1, and <unk> with id 0 for all others.
Tokenizer character_tokenizer(std::string_view text);

}  // namespace strata
