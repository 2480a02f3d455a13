#include "strata/route/name.h"

namespace strata {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

}  // namespace

size_t name_length(std::string_view text) {
  if (text.empty() || !is_letter(text[0])) return 0;
  size_t length = 1;
  while (length < text.size() && (is_letter(text[length]) || is_digit(text[length]))) ++length;
  return length;
}

size_t length_before_repeat(std::string_view name) {
  size_t end = name.size();
  while (end > 0 && is_digit(name[end - 1])) --end;
  const bool repeats = end < name.size() && end > 0 && name[end - 1] == 'x';
  return repeats ? end - 1 : name.size();
}

}  // namespace strata
