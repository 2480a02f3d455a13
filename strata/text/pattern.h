#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace strata {

/// Whose regular expressions: those of tokenizer.json are Oniguruma's, others are read as Perl's.
enum class Dialect : uint8_t { oniguruma, perl };

/// What Split and Replace look for: a literal text or a regular expression, searched from left to right without
/// overlaps. ^ and $ match at the ends of every line.
class Pattern {
 public:
  Pattern() = default;
  /// Throws Error naming `who` when the text is empty or no regular expression.
  Pattern(std::string text, bool regex, const std::string& who, Dialect dialect = Dialect::oniguruma);

  const std::string& text() const { return text_; }
  bool regex() const { return regex_; }

  /// Calls found(begin, end) for every match, in order. Expressions see ill-formed bytes as borders of the text and
  /// never match them. Throws Error when the search takes more of the processor's time than a tenth of a second and five
  /// microseconds a byte, a hundred times what published expressions take.
  void each_match(std::string_view text, const std::function<void(size_t, size_t)>& found) const;
  /// Throws Error also when the result would have more than `most` bytes.
  std::string replace_all(std::string_view text, std::string_view replacement, size_t most) const;
  /// Whether there is a match.
  bool found_in(std::string_view text) const;

 private:
  struct Compiled;
  class Search;

  std::string text_;
  bool regex_ = false;
  std::shared_ptr<const Compiled> compiled_;
};

/// How large the text of a tokenizer may become on its way through normalisers or decoders: far above what published
/// ones make of any text, far below what a chain of replacements that double it would.
constexpr size_t most_replaced(size_t bytes) {
  constexpr size_t growth = 64, allowance = size_t{1} << 20;
  return bytes * growth + allowance;
}

}  // namespace strata
