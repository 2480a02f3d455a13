#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "strata/text/pattern.h"

namespace strata {

/// One step from tokens back to text; each takes the list of tokens and gives another list.
struct DecoderStep {
  enum class Kind {
    byte_level,     // all tokens become one text: bytes of the byte-level alphabet, U+FFFD for what is ill-formed
    byte_fallback,  // runs of <0x00> to <0xFF> become characters, or one U+FFFD for each byte of the run
    fuse,           // one token from all
    strip,          // up to `start` characters `text` at the beginning of each token, `stop` at its end
    replace,        // pattern by `text`
    metaspace,      // `text` becomes a space, or nothing in the first token where `prefixed`
    bpe,            // the end-of-word suffix `text` becomes a space, or nothing in the last token
  };

  Kind kind = Kind::fuse;
  std::string text;
  Pattern pattern;
  size_t start = 0, stop = 0;
  bool prefixed = true;
};

/// The text of a list of tokens. Without steps they are joined by spaces.
std::string decode_tokens(const std::vector<DecoderStep>& steps, std::vector<std::string> tokens);

/// What one token stands for wherever it is: its bytes, before anything that depends on neighbours or on its place.
std::string token_bytes(const std::vector<DecoderStep>& steps, std::string_view token);

}  // namespace strata
