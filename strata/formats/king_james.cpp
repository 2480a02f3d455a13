#include "strata/formats/king_james.h"

#include <cctype>
#include <cstdint>
#include <string_view>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/formats/lzw.h"

namespace strata {
namespace {

// The file: a magic word, up to kSizes its name; size of a window, their number, where each begins and the last ends
// (all as 32 bits, highest byte first); each window compressed on its own.
constexpr std::string_view kMagic = "EC02Compressed Data File";
constexpr size_t kSizes = 0x54, kOffsets = 0x5c;
constexpr uint32_t kMostWindow = 1 << 20, kMostWindows = 1 << 12;

uint32_t number(std::span<const std::byte> file, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<uint32_t>(file[at + i]);
  return value;
}

std::string expand(const std::string& path) {
  const MappedFile mapped(path);
  const auto file = mapped.bytes();
  const std::string_view start(reinterpret_cast<const char*>(file.data()), std::min(file.size(), kMagic.size()));
  if (start != kMagic || file.size() < kOffsets)
    fail(path, ": expected the text of Debian's package bible-kjv-text, which begins with '", kMagic, "'");
  const uint32_t window = number(file, kSizes), windows = number(file, kSizes + 4);
  if (window < 1 || window > kMostWindow || windows < 1 || windows > kMostWindows ||
      file.size() < kOffsets + 4 * (static_cast<size_t>(windows) + 1))
    fail(path, ": damaged: ", windows, " windows of ", window, " bytes in a file of ", file.size());
  std::string text;
  for (uint32_t i = 0; i < windows; ++i) {
    const uint32_t begin = number(file, kOffsets + 4 * i), end = number(file, kOffsets + 4 * (i + 1));
    if (begin > end || end > file.size())
      fail(path, ": damaged: window ", i, " lies from byte ", begin, " to ", end, " of ", file.size());
    text += expand_lzw(file.subspan(begin, end - begin), path, window);
  }
  return text;
}

// "1Sa" of "1Sa3:12 And ..."; nothing where a line has no such label. `rest` is what follows it.
std::string_view book_of(std::string_view line, std::string_view& rest) {
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  const size_t space = line.find(' '), colon = line.find(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon > space) return {};
  size_t at = colon;
  while (at > 0 && digit(line[at - 1])) --at;
  if (at == 0 || at == colon || colon + 1 == space) return {};
  for (size_t i = colon + 1; i < space; ++i)
    if (!digit(line[i])) return {};
  rest = line.substr(space + 1);
  return line.substr(0, at);
}

}  // namespace

std::vector<std::string> read_king_james(const std::string& path) {
  const std::string text = expand(path);
  std::vector<std::string> books;
  std::string_view book, left = text;
  while (!left.empty()) {
    const size_t end = std::min(left.find('\n'), left.size() - 1);
    std::string_view line = left.substr(0, end), verse;
    left.remove_prefix(end + 1);
    const std::string_view label = book_of(line, verse);
    if (label.empty()) continue;  // the title
    if (label != book) books.emplace_back(), book = label;
    books.back().append(verse).push_back('\n');
  }
  if (books.empty()) fail(path, ": holds no verse");
  return books;
}

}  // namespace strata
