#pragma once

#include <string>
#include <vector>

namespace strata {

/// Where Debian's package bible-kjv-text puts the text.
inline constexpr const char* kKingJamesFile = "/usr/lib/bible.data";

/// The books of the King James Bible in order, one verse a line, without the labels of the verses ("Ge1:1 "): from the
/// file bible.data of Debian's package bible-kjv-text, 66 pieces of text compressed by LZW. Always the same text.
/// Throws Error when the file is missing or damaged.
std::vector<std::string> read_king_james(const std::string& path);

}  // namespace strata
