#include "strata/base/text_bars.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace strata {
namespace {

bool shows_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text = value;
    return text.find("UTF-8") != std::string_view::npos || text.find("utf8") != std::string_view::npos;
  }
  return false;
}

std::string bar(double value, int width, bool fine) {
  constexpr std::array kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::lround(std::clamp(value, 0.0, 1.0) * width * 8));
  std::string text;
  for (int i = 0; i < eighths / 8; ++i) text += fine ? "█" : "#";
  const bool rest = eighths % 8 != 0;
  if (rest && fine) text += kEighths[static_cast<size_t>(eighths % 8)];
  const int used = eighths / 8 + (rest && fine ? 1 : 0);
  return text + std::string(static_cast<size_t>(width - used), ' ');
}

}  // namespace

std::string text_bars(const std::vector<TextBar>& bars, int width) {
  size_t widest = 0;
  for (const auto& each : bars) widest = std::max(widest, each.label.size());
  const bool fine = shows_utf8();
  std::string text;
  for (const auto& each : bars)
    text += each.label + std::string(widest - each.label.size() + 2, ' ') + bar(each.value, width, fine) + "  " +
            each.text + "\n";
  return text;
}

}  // namespace strata
