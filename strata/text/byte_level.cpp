#include "strata/text/byte_level.h"

#include <array>

#include "strata/text/utf8.h"

namespace strata {
namespace {

constexpr char32_t kFirstForeign = 0x100;

constexpr bool prints(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<int, 0x144> byte{};

  constexpr Alphabet() {
    for (int& value : byte) value = -1;
    char32_t next = kFirstForeign;
    for (int value = 0; value < 256; ++value) {
      character[value] = prints(value) ? static_cast<char32_t>(value) : next++;
      byte[character[value]] = value;
    }
  }
};
constexpr Alphabet kAlphabet;

}  // namespace

char32_t character_of_byte(uint8_t byte) {
  return kAlphabet.character[byte];
}

int byte_of_character(char32_t character) {
  return character < kAlphabet.byte.size() ? kAlphabet.byte[character] : -1;
}

std::string byte_level_text(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 2);
  for (const char byte : bytes) append_utf8(text, character_of_byte(static_cast<uint8_t>(byte)));
  return text;
}

std::optional<std::string> byte_level_bytes(std::string_view text) {
  std::string bytes;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const Utf8Step step = utf8_step(at, end);
    const int byte = byte_of_character(step.point);
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
    at += step.bytes;
  }
  return bytes;
}

}  // namespace strata
