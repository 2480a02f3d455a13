#include "strata/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace strata::report {
namespace {

// Advance widths of DejaVu Sans in thousandths of the font size, for U+0020 to U+007E.
constexpr std::array<uint16_t, 95> kAdvance{
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361,  318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635,  611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352,  635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592,  525, 636, 337, 636, 838};
constexpr char32_t kReplacement = 0xFFFD;

// The code point that starts at `position`, which moves past it; one bad byte gives U+FFFD.
char32_t next_code_point(std::string_view text, size_t& position) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(position);
  const int length = lead < 0x80                   ? 1
                     : lead >= 0xC2 && lead < 0xE0 ? 2
                     : (lead & 0xF0) == 0xE0       ? 3
                     : lead >= 0xF0 && lead < 0xF5 ? 4
                                                   : 0;
  if (length == 0 || position + length > text.size()) {
    ++position;
    return kReplacement;
  }
  if (length == 1) {
    ++position;
    return lead;
  }
  char32_t code = lead & (0xFF >> (length + 1));
  for (int i = 1; i < length; ++i) {
    if ((byte(position + i) & 0xC0) != 0x80) {
      ++position;
      return kReplacement;
    }
    code = (code << 6) | (byte(position + i) & 0x3F);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF) {
    ++position;
    return kReplacement;
  }
  position += length;
  return code;
}

double advance(char32_t code) {
  if (code >= 0x20 && code <= 0x7E) return kAdvance[code - 0x20];
  if (code >= 0x300 && code < 0x370) return 0;                          // combining marks
  return (code >= 0x370 && code < 0x500) || code < 0x250 ? 640 : 1000;  // other alphabets; symbols and ideographs
}

// fmt never asks the locale; the ASCII minus becomes a typographic one, except before an exponent's digits.
std::string with_minus(std::string digits) {
  if (digits.starts_with('-')) {
    const bool is_zero = digits.find_first_not_of("-0.") == std::string::npos;
    digits.replace(0, 1, is_zero ? "" : "−");
  }
  return digits;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (size_t position = 0; position < text.size();) {
    const size_t start = position;
    const char32_t code = next_code_point(text, position);
    const bool control = code < 0x20 || (code >= 0x7F && code < 0xA0) || code == kReplacement;
    out += control ? "\xEF\xBF\xBD" : text.substr(start, position - start);
  }
  return out;
}

std::string escape_markup(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t position = 0; position < text.size();) {
    const size_t start = position;
    const char32_t code = next_code_point(text, position);
    const bool forbidden = (code < 0x20 && code != '\t' && code != '\n' && code != '\r') ||
                           (code >= 0x7F && code < 0xA0) || code == 0xFFFE || code == 0xFFFF || code == kReplacement;
    if (forbidden) {
      out += "\xEF\xBF\xBD";
    } else if (code == '&') {
      out += "&amp;";
    } else if (code == '<') {
      out += "&lt;";
    } else if (code == '>') {
      out += "&gt;";
    } else if (code == '"') {
      out += "&quot;";
    } else if (code == '\'') {
      out += "&#39;";
    } else {
      out += text.substr(start, position - start);
    }
  }
  return out;
}

std::string format_fixed(double value, int decimals) {
  if (!std::isfinite(value)) return "–";
  if (std::abs(value) >= 1e15) return format_short(value, 6);
  return with_minus(fmt::format("{:.{}f}", value, std::clamp(decimals, 0, 12)));
}

std::string format_short(double value, int significant) {
  if (!std::isfinite(value)) return "–";
  significant = std::clamp(significant, 1, 17);
  const double magnitude = std::abs(value);
  if (magnitude != 0 && (magnitude >= 1e7 || magnitude < 1e-4)) {
    std::string digits = fmt::format("{:.{}e}", value, significant - 1);
    const size_t e = digits.find('e');
    std::string mantissa = digits.substr(0, e);
    if (mantissa.find('.') != std::string::npos) {
      mantissa.erase(mantissa.find_last_not_of('0') + 1);
      if (mantissa.ends_with('.')) mantissa.pop_back();
    }
    return with_minus(mantissa) + fmt::format("e{}", std::stoi(digits.substr(e + 1)));
  }
  const int before = magnitude < 1 ? 0 : static_cast<int>(std::floor(std::log10(magnitude))) + 1;
  const int zeros = magnitude != 0 && magnitude < 1 ? static_cast<int>(-std::floor(std::log10(magnitude))) - 1 : 0;
  std::string digits = fmt::format("{:.{}f}", value, std::max(0, significant - before + zeros));
  if (digits.find('.') != std::string::npos) {
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.ends_with('.')) digits.pop_back();
  }
  return with_minus(digits);
}

std::string format_measured(double value, double spread, int decimals) {
  if (!std::isfinite(value) || !std::isfinite(spread)) return format_fixed(value, decimals);
  return format_fixed(value, decimals) + " ± " + format_fixed(spread, decimals);
}

double text_width(std::string_view text, double font_size) {
  double total = 0;
  for (size_t position = 0; position < text.size();) total += advance(next_code_point(text, position));
  return total * font_size / 1000;
}

std::string shorten_text(std::string_view text, double font_size, double width) {
  if (text_width(text, font_size) <= width) return std::string(text);
  double total = advance(U'…');
  size_t end = 0;
  for (size_t position = 0; position < text.size();) {
    total += advance(next_code_point(text, position));
    if (total * font_size / 1000 > width) break;
    end = position;
  }
  while (end > 0 && text[end - 1] == ' ') --end;
  return std::string(text.substr(0, end)) + "…";
}

std::vector<std::string> wrap_text(std::string_view text, double font_size, double width) {
  std::vector<std::string> lines{""};
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find_first_of(" \n\t", begin);
    if (end == std::string_view::npos) end = text.size();
    if (end > begin) {
      const std::string word = shorten_text(text.substr(begin, end - begin), font_size, width);
      std::string& line = lines.back();
      if (line.empty()) {
        line = word;
      } else if (text_width(line, font_size) + text_width(word, font_size) + 0.318 * font_size <= width) {
        line += " " + word;
      } else {
        lines.push_back(word);
      }
    }
    begin = end + 1;
  }
  return lines;
}

int count_cells(std::string_view text) {
  int cells = 0;
  for (size_t position = 0; position < text.size();) {
    const char32_t code = next_code_point(text, position);
    if (code < 0x300 || code >= 0x370) ++cells;
  }
  return cells;
}

}  // namespace strata::report
