#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strata::jinja {

/// A piece of a template. `text` is what is between tags, white space control applied; a tag gives its begin, its
/// tokens and its end.
struct Token {
  enum class Kind {
    text,
    block_begin,
    block_end,
    output_begin,
    output_end,
    name,
    string,
    integer,
    number,
    symbol,
    end
  };
  Kind kind = Kind::end;
  int line = 1;
  std::string text;  // escapes of strings resolved
};

/// Splits a template as Jinja does with trim_blocks and lstrip_blocks on and keep_trailing_newline off. Throws Error
/// with the line for an open tag, comment or string.
std::vector<Token> tokenise(std::string_view source, const std::string& name);

}  // namespace strata::jinja
