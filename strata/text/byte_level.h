#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace strata {

/// The alphabet of byte-level vocabularies (Radford et al. 2019): each byte stands as a printable character. Those of
/// Latin-1 that print stand for themselves, the other 68 bytes, in order, for U+0100, U+0101, ...
char32_t character_of_byte(uint8_t byte);
/// -1 for characters outside of the alphabet.
int byte_of_character(char32_t character);

/// Bytes written in that alphabet.
std::string byte_level_text(std::string_view bytes);
/// The bytes a text of that alphabet stands for; nothing when a character is foreign to it.
std::optional<std::string> byte_level_bytes(std::string_view text);

}  // namespace strata
