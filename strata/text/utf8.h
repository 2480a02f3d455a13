#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strata {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

/// One step through text that should be UTF-8.
struct Utf8Step {
  char32_t point;  // the code point; for ill-formed text 0xDC00 + the byte, which no well-formed text holds
  uint32_t bytes;  // how many bytes it takes; 1 for ill-formed text

  bool valid() const { return point < 0xDC00 || point > 0xDFFF; }
};

namespace detail {
Utf8Step utf8_step_beyond_ascii(const char* text, const char* end);
}

/// The code point at `text`, which must not be `end`. Overlong forms, surrogates and values beyond U+10FFFF are
/// ill-formed.
inline Utf8Step utf8_step(const char* text, const char* end) {
  const auto lead = static_cast<unsigned char>(*text);
  return lead < 0x80 ? Utf8Step{lead, 1} : detail::utf8_step_beyond_ascii(text, end);
}

/// Appends a code point that is not a surrogate.
void append_utf8(std::string& text, char32_t point);
std::string utf8(char32_t point);

/// Number of code points; ill-formed bytes count one each.
int64_t utf8_length(std::string_view text);

bool valid_utf8(std::string_view text);

/// The text with U+FFFD in place of each maximal ill-formed subsequence (Unicode 16, section 3.9.6, as Rust and the
/// WHATWG have it): E4 BD gives one, ED A0 80 three.
std::string repaired_utf8(std::string_view text);

/// How many bytes at the end of the text could still become one well-formed character when more follows.
size_t unfinished_utf8(std::string_view text);

}  // namespace strata
