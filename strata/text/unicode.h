#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strata {

/// Classes of characters that pre-tokenisers ask for, one bit each (Unicode 16 as the `tokenizers` library has it).
/// Ill-formed text (utf8.h) is of no class.
enum CharacterClass : uint8_t {
  kLetter = 1,        // \p{L}
  kNumber = 2,        // \p{N}
  kSpace = 4,         // White_Space
  kWord = 8,          // \w: letters, marks, decimal digits, connectors
  kMark = 16,         // \p{M}
  kPunctuation = 32,  // \p{P} and ASCII punctuation
  kNumeric = 64,      // what Digits isolates: \p{N} of a newer Unicode
};

/// The classes of every code point, in two levels: pages of 256 code points, most of them shared.
class ClassTable {
 public:
  uint8_t operator[](char32_t point) const { return pages_[page_of_[point >> 8] * 256 + (point & 0xFF)]; }

 private:
  friend const ClassTable& character_classes();
  const uint8_t* pages_ = nullptr;
  const uint16_t* page_of_ = nullptr;
};

/// Built on the first call; loops keep a reference.
const ClassTable& character_classes();
inline bool is(CharacterClass which, char32_t point) {
  return (character_classes()[point] & which) != 0;
}

/// Lower case of each character by itself, without context: final sigma stays U+03C3. Ill-formed bytes stay as they are.
std::string lower_case(std::string_view text);

enum class NormalForm { nfc, nfd, nfkc, nfkd };

/// The normal form as the `tokenizers` library makes it: by Unicode 9, whose text keeps its form in later versions;
/// characters added since stay as they are. Ill-formed bytes stay as they are, and no character combines across them.
std::string normal_form(std::string_view text, NormalForm form);

}  // namespace strata
