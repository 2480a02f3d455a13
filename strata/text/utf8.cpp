#include "strata/text/utf8.h"

#include <algorithm>

namespace strata {
namespace {

struct Form {
  uint32_t bytes;             // that the lead byte asks for; 0: not a lead byte
  unsigned char least, most;  // of the second byte
};

// Unicode 16, table 3-7.
Form form(unsigned char lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead < 0xF0)
    return {3, static_cast<unsigned char>(lead == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(lead == 0xED ? 0x9F : 0xBF)};
  if (lead < 0xF5)
    return {4, static_cast<unsigned char>(lead == 0xF0 ? 0x90 : 0x80),
            static_cast<unsigned char>(lead == 0xF4 ? 0x8F : 0xBF)};
  return {0, 0, 0};
}

// How many bytes at `text` are the beginning of one well-formed character; 0 when even the first is not.
uint32_t well_formed_bytes(const char* text, const char* end, const Form& wanted) {
  if (wanted.bytes == 0) return 0;
  uint32_t found = 1;
  for (; found < wanted.bytes && text + found < end; ++found) {
    const auto byte = static_cast<unsigned char>(text[found]);
    if (found == 1 ? byte < wanted.least || byte > wanted.most : (byte & 0xC0) != 0x80) break;
  }
  return found;
}

}  // namespace

Utf8Step detail::utf8_step_beyond_ascii(const char* text, const char* end) {
  const auto lead = static_cast<unsigned char>(*text);
  const Form wanted = form(lead);
  if (wanted.bytes == 0 || well_formed_bytes(text, end, wanted) < wanted.bytes) return {char32_t{0xDC00} + lead, 1};
  char32_t point = lead & (0x7F >> wanted.bytes);
  for (uint32_t i = 1; i < wanted.bytes; ++i) point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3F);
  return {point, wanted.bytes};
}

void append_utf8(std::string& text, char32_t point) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | ((point >> shift) & 0x3F)); };
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else if (point < 0x800) {
    text += static_cast<char>(0xC0 | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    text += static_cast<char>(0xE0 | (point >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | (point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string utf8(char32_t point) {
  std::string text;
  append_utf8(text, point);
  return text;
}

int64_t utf8_length(std::string_view text) {
  int64_t points = 0;
  for (const char *at = text.data(), *end = at + text.size(); at < end; ++points) at += utf8_step(at, end).bytes;
  return points;
}

bool valid_utf8(std::string_view text) {
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    const Utf8Step step = utf8_step(at, end);
    if (!step.valid()) return false;
    at += step.bytes;
  }
  return true;
}

std::string repaired_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const Utf8Step step = utf8_step(at, end);
    if (step.valid()) {
      result.append(at, step.bytes);
      at += step.bytes;
      continue;
    }
    append_utf8(result, kReplacementCharacter);
    at += std::max(uint32_t{1}, well_formed_bytes(at, end, form(static_cast<unsigned char>(*at))));
  }
  return result;
}

size_t unfinished_utf8(std::string_view text) {
  const char* const end = text.data() + text.size();
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const char* const at = end - back;
    const Form wanted = form(static_cast<unsigned char>(*at));
    if (wanted.bytes > back && well_formed_bytes(at, end, wanted) == back) return back;
  }
  return 0;
}

}  // namespace strata
