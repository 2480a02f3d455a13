#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace strata {

/// What Split and Replace look for: a literal text or a regular expression, searched from left to right without
/// overlaps. As in the tokenizers library (Oniguruma), ^ and $ match at the ends of every line.
class Pattern {
 public:
  Pattern() = default;
  /// Throws Error naming `who` when the text is empty or no regular expression.
  Pattern(std::string text, bool regex, const std::string& who);

  const std::string& text() const { return text_; }
  bool regex() const { return regex_; }

  /// Calls found(begin, end) for every match, in order. Expressions see ill-formed bytes as borders of the text and
  /// never match them. Throws Error when a match costs too much.
  void each_match(std::string_view text, const std::function<void(size_t, size_t)>& found) const;
  std::string replace_all(std::string_view text, std::string_view replacement) const;
  /// Whether there is a match.
  bool found_in(std::string_view text) const;

 private:
  struct Compiled;

  std::string text_;
  bool regex_ = false;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace strata
