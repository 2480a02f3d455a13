#include "strata/text/json_pattern.h"

#include <fmt/format.h>

#include "strata/base/error.h"

namespace strata {
namespace {

constexpr int kDeepest = 100;
// What JSON writes escaped, and DEL: no negated set holds it.
constexpr std::string_view kEscaped = R"("\\\x00-\x1f\x7f)";
// White space and ends of lines beyond ASCII, as the expressions of JSON schemas (ECMA-262) have them.
constexpr std::string_view kSpaces = R"( \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff)";
constexpr std::string_view kLineEnds = R"(\u2028\u2029)";

std::string none_of(std::string_view inside) {
  return fmt::format("[^{}{}]", kEscaped, inside);
}

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& name) : text_(pattern), name_(name) {}

  std::string run() {
    const bool begins = take('^');
    const bool ends = text_.ends_with('$') && !text_.ends_with("\\$");
    if (ends) text_.remove_suffix(1);
    const std::string body = alternatives();
    if (at_ < text_.size()) reject("found a ) that closes nothing");
    // ^a|b$ binds each end to one alternative only.
    if (top_level_alternatives_ && (begins || ends)) reject("expected brackets around alternatives between ^ and $");
    return (begins ? "" : "char* ") + ("(" + body + ")") + (ends ? "" : " char*");
  }

 private:
  template <class... Parts>
  [[noreturn]] void reject(const Parts&... parts) const {
    fail(name_, ": pattern: ", parts..., " at character ", at_ + 1);
  }
  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }

  std::string alternatives() {
    if (++depth_ > kDeepest) reject("expected at most ", kDeepest, " groups inside each other");
    std::string out = items();
    while (take('|')) {
      if (depth_ == 1) top_level_alternatives_ = true;
      out += " | " + items();
    }
    --depth_;
    return out;
  }

  std::string items() {
    std::string out;
    while (at_ < text_.size() && !next_is('|') && !next_is(')')) {
      if (!out.empty()) out += ' ';
      out += item();  // each statement reads on, so they must not be one
      out += behind();
    }
    return out.empty() ? "\"\"" : out;
  }

  bool digits() {
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > begin;
  }

  std::string behind() {
    std::string out;
    if (next_is('?') || next_is('*') || next_is('+')) {
      out = text_[at_++];
    } else if (next_is('{')) {
      const size_t begin = at_++;
      const bool least = digits();
      if (take(',')) digits();
      if (!least || !take('}')) reject("expected {m}, {m,} or {m,n}");
      out = std::string(text_.substr(begin, at_ - begin));
    }
    if (!out.empty() && next_is('?')) ++at_;  // lazy: the same texts match
    return out;
  }

  std::string item() {
    const char c = text_[at_];
    if (take('(')) {
      if (take('?') && !take(':')) reject("groups that begin with (? other than (?: are not followed");
      const std::string inner = alternatives();
      if (!take(')')) reject("a ( has no )");
      return "(" + inner + ")";
    }
    if (take('[')) return character_class();
    if (take('.')) return none_of(kLineEnds);
    if (take('\\')) {
      if (const std::string set = shorthand(); !set.empty()) return set;
      return literal();
    }
    if (std::string_view("^$*+?{}])").find(c) != std::string_view::npos)
      reject("found ", std::string(1, c), " where it means nothing; write \\", std::string(1, c));
    return literal();
  }

  // \d \w \s and their negations, behind the backslash; nothing for an escaped character.
  std::string shorthand() {
    const char c = at_ < text_.size() ? text_[at_] : ' ';
    const std::string set = c == 'd'   ? "[0-9]"
                            : c == 'D' ? none_of("0-9")
                            : c == 'w' ? "[0-9A-Za-z_]"
                            : c == 'W' ? none_of("0-9A-Za-z_")
                            : c == 's' ? "[ ]"
                            : c == 'S' ? "[!#-\\[\\]-~]"
                                       : "";
    if (!set.empty())
      ++at_;
    else
      refuse_letter();
    return set;
  }

  // Behind a backslash only a mark stands for itself.
  void refuse_letter() const {
    const char c = at_ < text_.size() ? text_[at_] : ' ';
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
      reject("\\", std::string(1, c), " is not followed");
  }

  std::string character() {
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == 0x7f)
      reject("expected a character that JSON writes as it is");
    size_t length = 1;
    if (static_cast<unsigned char>(c) >= 0x80)
      while (at_ + length < text_.size() && (static_cast<unsigned char>(text_[at_ + length]) & 0xc0) == 0x80) ++length;
    at_ += length;
    return std::string(text_.substr(at_ - length, length));
  }

  std::string literal() { return "\"" + character() + "\""; }

  std::string character_class() {
    const bool negated = take('^');
    std::string out;
    bool any = false;
    while (!take(']')) {
      if (at_ >= text_.size()) reject("a [ has no ]");
      any = true;
      if (next_is('\\') && at_ + 1 < text_.size() &&
          std::string_view("dws").find(text_[at_ + 1]) != std::string_view::npos) {
        const char c = text_[at_ + 1];
        // JSON writes no other white space of ASCII as it is; what is not to come must leave out all of it.
        out += c == 'd' ? "0-9" : c == 'w' ? "0-9A-Za-z_" : negated ? kSpaces : " ";
        at_ += 2;
        continue;
      }
      const std::string low = class_character();
      out += escaped(low);
      if (next_is('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        const std::string high = class_character();
        // What lies between must not hold what JSON escapes.
        const auto first = static_cast<unsigned char>(low[0]), last = static_cast<unsigned char>(high[0]);
        if (!negated && ((first < '"' && last > '"') || (first < '\\' && last > '\\')))
          reject("expected a range without quotes and backslashes");
        out += "-" + escaped(high);
      }
    }
    if (!any) reject("an empty class matches nothing");
    return negated ? none_of(out) : "[" + out + "]";
  }

  std::string class_character() {
    if (take('\\')) refuse_letter();
    return character();
  }

  static std::string escaped(const std::string& character) {
    return character == "]" || character == "[" || character == "^" || character == "-" ? "\\" + character : character;
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
  int depth_ = 0;
  bool top_level_alternatives_ = false;
};

}  // namespace

std::string json_pattern_to_grammar(std::string_view pattern, const std::string& name) {
  return Translator(pattern, name).run();
}

}  // namespace strata
