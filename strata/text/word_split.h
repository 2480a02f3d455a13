#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "strata/text/unicode.h"
#include "strata/text/utf8.h"

namespace strata {

/// The published expressions that cut text into words before byte-pair encoding, each with a matcher written by hand:
/// ordered alternation over code points, as the expressions say it.
enum class WordPattern { gpt2, llama3, qwen2 };

/// The expression as it stands in tokenizer.json, and which one a text is.
std::string_view expression(WordPattern pattern);
std::optional<WordPattern> known_word_pattern(std::string_view expression);

namespace detail {

enum CharacterKind : uint8_t { kLetterKind, kNumberKind, kSpaceKind, kOtherKind };

struct Character {
  CharacterKind kind;
  uint32_t bytes;
};

constexpr std::array<CharacterKind, 128> ascii_kinds() {
  std::array<CharacterKind, 128> kinds{};
  for (int c = 0; c < 128; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    kinds[c] = letter ? kLetterKind : c >= '0' && c <= '9' ? kNumberKind : space ? kSpaceKind : kOtherKind;
  }
  return kinds;
}
inline constexpr std::array<CharacterKind, 128> kAsciiKinds = ascii_kinds();

}  // namespace detail

/// Finds where words end. Ill-formed bytes are characters that are neither letters, numbers nor space.
class WordMatcher {
 public:
  explicit WordMatcher(WordPattern pattern) : pattern_(pattern), classes_(character_classes()) {}

  /// End of the word that begins at `at`, which must not be `end`.
  const char* next(const char* at, const char* end) const {
    return pattern_ == WordPattern::gpt2 ? next_gpt2(at, end) : next_llama3(at, end);
  }

 private:
  using Kind = detail::CharacterKind;

  detail::Character look(const char* at, const char* end) const {
    const auto lead = static_cast<unsigned char>(*at);
    if (lead < 128) return {detail::kAsciiKinds[lead], 1};
    const Utf8Step step = utf8_step(at, end);
    const uint8_t classes = classes_[step.point];
    const Kind kind = (classes & kLetter)   ? detail::kLetterKind
                      : (classes & kNumber) ? detail::kNumberKind
                      : (classes & kSpace)  ? detail::kSpaceKind
                                            : detail::kOtherKind;
    return {kind, step.bytes};
  }
  bool looks(Kind kind, const char* at, const char* end) const { return at < end && look(at, end).kind == kind; }

  const char* run(Kind kind, const char* at, const char* end) const {
    while (at < end) {
      const detail::Character c = look(at, end);
      if (c.kind != kind) break;
      at += c.bytes;
    }
    return at;
  }

  // 's 't 're 've 'm 'll 'd after the apostrophe; nullptr where none stands.
  static const char* contraction(const char* at, const char* end, bool any_case) {
    if (*at != '\'' || end - at < 2) return nullptr;
    const auto letter = [&](ptrdiff_t i) -> char { return any_case ? static_cast<char>(at[i] | 0x20) : at[i]; };
    const auto ascii = [&](ptrdiff_t i) { return static_cast<unsigned char>(at[i]) >= 0x41; };
    if (ascii(1)) {
      const char a = letter(1);
      if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 2;
      if (end - at >= 3 && ascii(2)) {
        const char b = letter(2);
        if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return at + 3;
      }
    }
    // U+017F, the long s, is an s without case.
    if (any_case && end - at >= 3 && at[1] == '\xC5' && at[2] == '\xBF') return at + 3;
    return nullptr;
  }

  // \s+(?!\S)|\s+ for the run [at, stop): all but its last character when something follows.
  const char* spaces(const char* at, const char* stop, const char* end) const {
    if (stop == end) return stop;
    const char* last = at;
    for (const char* next = at; next < stop; next += look(next, end).bytes) last = next;
    return last == at ? stop : last;
  }

  // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  const char* next_gpt2(const char* at, const char* end) const {
    if (const char* stop = contraction(at, end, false)) return stop;
    const char* const begin = at + (*at == ' ' && end - at > 1 ? 1 : 0);
    const detail::Character first = look(begin, end);
    if (first.kind != detail::kSpaceKind) return run(first.kind, begin + first.bytes, end);
    return spaces(at, run(detail::kSpaceKind, at, end), end);
  }

  // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  const char* next_llama3(const char* at, const char* end) const {
    if (const char* stop = contraction(at, end, true)) return stop;
    const detail::Character first = look(at, end);
    const char* const second = at + first.bytes;
    if (first.kind == detail::kLetterKind) return run(detail::kLetterKind, second, end);
    if (first.kind == detail::kNumberKind) return numbers(second, end);
    if (*at != '\r' && *at != '\n' && looks(detail::kLetterKind, second, end))
      return run(detail::kLetterKind, second, end);
    const bool after_space = *at == ' ' && looks(detail::kOtherKind, second, end);
    if (first.kind == detail::kOtherKind || after_space) {
      const char* stop = run(detail::kOtherKind, second, end);
      while (stop < end && (*stop == '\r' || *stop == '\n')) ++stop;
      return stop;
    }
    const char* const stop = run(detail::kSpaceKind, second, end);
    for (const char* last = stop; last > at; --last)
      if (last[-1] == '\r' || last[-1] == '\n') return last;
    return spaces(at, stop, end);
  }

  // What follows the first of \p{N}{1,3}, or nothing where the expression takes numbers one by one.
  const char* numbers(const char* at, const char* end) const {
    const int most = pattern_ == WordPattern::llama3 ? 2 : 0;
    for (int i = 0; i < most && looks(detail::kNumberKind, at, end); ++i) at += look(at, end).bytes;
    return at;
  }

  WordPattern pattern_;
  const ClassTable& classes_;
};

}  // namespace strata
