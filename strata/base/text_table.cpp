#include "strata/base/text_table.h"

#include <algorithm>
#include <cctype>

namespace strata {
namespace {

// Characters a terminal shows, taking every code point for one.
size_t cells(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & '\xC0') != '\x80'; }));
}

// Names from other people's files must not steer the terminal.
std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7F') c = '?';
  return text;
}

bool like_number(const std::string& text) {
  const size_t start = text.starts_with("-") ? 1 : 0;
  return text.size() > start && std::isdigit(static_cast<unsigned char>(text[start])) != 0;
}

}  // namespace

std::string text_table(const std::vector<std::string>& heading, const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  std::vector<bool> numeric;
  const auto measure = [&](const std::vector<std::string>& row, bool is_heading) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) {
        widths.push_back(0);
        numeric.push_back(true);
      }
      widths[i] = std::max(widths[i], cells(row[i]));
      if (!is_heading && !row[i].empty() && !like_number(row[i])) numeric[i] = false;
    }
  };
  measure(heading, true);
  for (const auto& row : rows) measure(row, false);
  std::string text;
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - cells(row[i]), ' ');
      line += (i > 0 ? "  " : "") + (numeric[i] ? space + printable(row[i]) : printable(row[i]) + space);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  if (!heading.empty()) print(heading);
  for (const auto& row : rows) print(row);
  return text;
}

}  // namespace strata
