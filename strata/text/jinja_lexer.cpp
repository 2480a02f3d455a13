#include "strata/text/jinja_lexer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "strata/base/error.h"
#include "strata/text/jinja_value.h"
#include "strata/text/utf8.h"

namespace strata::jinja {
namespace {

// All line ends become '\n', and the last one is dropped.
std::string normalised(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 == source.size() || source[i + 1] != '\n') out += '\n';
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr size_t kLongestNumber = 100;

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& name) : source_(normalised(source)), name_(name) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t tag = next_tag();
      const bool minus = tag + 2 < source_.size() && source_[tag + 2] == '-';
      const bool plus = tag + 2 < source_.size() && source_[tag + 2] == '+';
      text_before(tag, minus, plus);
      if (tag == source_.size()) break;
      const char kind = source_[tag + 1];
      advance(tag + 2 + (minus || plus ? 1 : 0));
      if (kind == '#')
        comment();
      else if (kind == '%')
        block();
      else
        expression(Token::Kind::output_begin, Token::Kind::output_end, "}}");
    }
    push(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  template <class... Parts>
  [[noreturn]] void reject(const Parts&... parts) const {
    fail(name_, ", line ", line_, ": ", parts...);
  }

  void push(Token::Kind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }

  bool next_is(std::string_view what) const { return std::string_view(source_).substr(at_).starts_with(what); }

  void advance(size_t to) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    at_ = to;
  }

  size_t next_tag() const {
    for (size_t at = source_.find('{', at_); at != std::string::npos && at + 1 < source_.size();
         at = source_.find('{', at + 1))
      if (source_[at + 1] == '%' || source_[at + 1] == '{' || source_[at + 1] == '#') return at;
    return source_.size();
  }

  // The text up to a tag: '-' takes all white space before it; blocks and comments take what indents them.
  void text_before(size_t tag, bool minus, bool plus) {
    std::string_view text = std::string_view(source_).substr(at_, tag - at_);
    if (tag < source_.size()) {
      if (minus) {
        text.remove_suffix(trailing_space(text));
      } else if (!plus && source_[tag + 1] != '{') {
        const size_t line = text.rfind('\n') + 1;  // 0 when there is none
        if ((line > 0 || line_starting_) && leading_space(text.substr(line)) == text.size() - line)
          text = text.substr(0, line);
      }
    }
    if (!text.empty()) push(Token::Kind::text, std::string(text));
    advance(tag);
  }

  // What follows a tag: '-' takes all white space, and blocks and comments take one line end unless there was a '+'.
  void after_tag(bool minus, bool plus, bool trims) {
    const size_t begin = at_;
    if (minus)
      advance(at_ + leading_space(std::string_view(source_).substr(at_)));
    else if (trims && !plus && next_is("\n"))
      advance(at_ + 1);
    line_starting_ = at_ > begin && source_[at_ - 1] == '\n';
  }

  void comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) reject("a comment {# has no end #}");
    const bool minus = end > at_ && source_[end - 1] == '-', plus = end > at_ && source_[end - 1] == '+';
    advance(end + 2);
    after_tag(minus, plus, true);
  }

  void block() {
    if (const auto tag = raw_tag(at_, "raw")) {
      advance(tag->end);
      after_tag(tag->minus, tag->plus, false);
      raw();
      return;
    }
    expression(Token::Kind::block_begin, Token::Kind::block_end, "%}");
  }

  struct RawTag {
    size_t end;
    bool minus, plus;
  };

  // What follows "{%": white space, the word, white space and the end of the tag; all or nothing.
  std::optional<RawTag> raw_tag(size_t at, std::string_view word) const {
    const std::string_view source = source_;
    at += leading_space(source.substr(at));
    if (!source.substr(at).starts_with(word)) return std::nullopt;
    at += word.size();
    at += leading_space(source.substr(at));
    const bool minus = source.substr(at).starts_with("-%}"), plus = source.substr(at).starts_with("+%}");
    if (!minus && !plus && !source.substr(at).starts_with("%}")) return std::nullopt;
    return RawTag{at + (minus || plus ? 3 : 2), minus, plus};
  }

  void raw() {
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 1)) {
      const bool minus = source_[tag + 2] == '-', plus = source_[tag + 2] == '+';
      const auto end = raw_tag(tag + 2 + (minus || plus ? 1 : 0), "endraw");
      if (!end) continue;
      text_before(tag, minus, plus);
      advance(end->end);
      after_tag(end->minus, end->plus, true);
      return;
    }
    reject("{% raw %} has no {% endraw %}");
  }

  void expression(Token::Kind begin, Token::Kind end, std::string_view closing) {
    push(begin, "");
    const int opened = line_;
    int nesting = 0;
    for (;;) {
      advance(at_ + leading_space(std::string_view(source_).substr(at_)));
      if (at_ >= source_.size()) {
        line_ = opened;
        reject("a tag has no end ", closing);
      }
      if (nesting == 0) {
        const bool minus = next_is("-" + std::string(closing));
        const bool plus = end == Token::Kind::block_end && next_is("+" + std::string(closing));
        if (minus || plus || next_is(closing)) {
          push(end, "");
          advance(at_ + (minus || plus ? 3 : 2));
          after_tag(minus, plus, end == Token::Kind::block_end);
          return;
        }
      }
      const char c = source_[at_];
      if (starts_name(c))
        word();
      else if (is_digit(c))
        number();
      else if (c == '"' || c == '\'')
        string(c);
      else
        nesting += symbol();
      if (nesting < 0) reject("found a bracket that closes none");
    }
  }

  void word() {
    const size_t begin = at_;
    while (at_ < source_.size() && (starts_name(source_[at_]) || is_digit(source_[at_]))) ++at_;
    push(Token::Kind::name, source_.substr(begin, at_ - begin));
  }

  // 0x1F, 0o17 or 0b11; false when none begins here.
  bool prefixed_number() {
    const char mark =
        at_ + 1 < source_.size() && source_[at_] == '0' ? static_cast<char>(source_[at_ + 1] | 0x20) : ' ';
    const std::string_view known = mark == 'x'   ? "0123456789abcdefABCDEF"
                                   : mark == 'o' ? "01234567"
                                   : mark == 'b' ? "01"
                                                 : "";
    const auto is_known = [&](size_t at) {
      return at < source_.size() && known.find(source_[at]) != std::string_view::npos;
    };
    size_t end = at_ + 2;
    while (is_known(end) || (end < source_.size() && source_[end] == '_' && is_known(end + 1))) ++end;
    if (known.empty() || end == at_ + 2) return false;
    if (end - at_ > kLongestNumber) reject("a number of ", end - at_, " digits");
    push(Token::Kind::integer, source_.substr(at_, end - at_));
    at_ = end;
    return true;
  }

  void number() {
    if (prefixed_number()) return;
    std::string digits;
    const auto take_digits = [&] {
      while (at_ < source_.size() && (is_digit(source_[at_]) || (source_[at_] == '_' && at_ + 1 < source_.size() &&
                                                                 is_digit(source_[at_ + 1])))) {
        if (source_[at_] != '_') digits += source_[at_];
        ++at_;
      }
    };
    const bool index = at_ > 0 && source_[at_ - 1] == '.';  // of x.0.1
    take_digits();
    bool whole = true;
    if (!index && at_ + 1 < source_.size() && source_[at_] == '.' && is_digit(source_[at_ + 1])) {
      whole = false;
      digits += source_[at_++];
      take_digits();
    }
    if (!index && at_ < source_.size() && (source_[at_] == 'e' || source_[at_] == 'E')) {
      size_t next = at_ + 1;
      if (next < source_.size() && (source_[next] == '-' || source_[next] == '+')) ++next;
      if (next < source_.size() && is_digit(source_[next])) {
        whole = false;
        digits.append(source_, at_, next - at_);
        at_ = next;
        take_digits();
      }
    }
    if (whole && digits.starts_with('0') && digits.find_first_not_of('0') != std::string::npos)
      reject("expected a number without leading zeros, found '", digits.substr(0, 40), "'");
    if (digits.size() > kLongestNumber) reject("a number of ", digits.size(), " digits");
    push(whole ? Token::Kind::integer : Token::Kind::number, std::move(digits));
  }

  uint32_t hex(size_t digits) {
    uint32_t code = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const char c = at_ < source_.size() ? source_[at_] : ' ';
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) reject("expected ", digits, " hexadecimal digits after a backslash");
      code = code << 4 | static_cast<uint32_t>(digit);
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) reject("a backslash names no character");
    return code;
  }

  void string(char quote) {
    const int opened = line_;
    std::string out;
    for (++at_;; ++at_) {
      if (at_ >= source_.size()) {
        line_ = opened;
        reject("a string has no end ", quote);
      }
      if (source_[at_] == quote) break;
      if (source_[at_] == '\n') ++line_;
      if (source_[at_] != '\\') {
        out += source_[at_];
        continue;
      }
      escape(out);
    }
    ++at_;
    push(Token::Kind::string, std::move(out));
  }

  // From a backslash to the last character that belongs to it; those Python does not know stay as they are.
  void escape(std::string& out) {
    if (++at_ >= source_.size()) reject("a string has no end");
    const char c = source_[at_];
    constexpr std::string_view from = "ntrabfv\\'\"", to = "\n\t\r\a\b\f\v\\'\"";
    if (const size_t plain = from.find(c); plain != std::string_view::npos) {
      out += to[plain];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      ++at_;
      append_utf8(out, hex(c == 'x' ? 2 : c == 'u' ? 4 : 8));
      --at_;
    } else if (c >= '0' && c <= '7') {
      uint32_t code = 0;
      size_t end = at_;
      for (; end < source_.size() && end < at_ + 3 && source_[end] >= '0' && source_[end] <= '7'; ++end)
        code = code << 3 | static_cast<uint32_t>(source_[end] - '0');
      at_ = end - 1;
      append_utf8(out, code);
    } else if (c == '\n') {
      ++line_;
    } else {
      out.append("\\").append(1, c);
    }
  }

  // Returns by how much brackets now nest deeper.
  int symbol() {
    constexpr std::array<std::string_view, 7> pairs = {"//", "**", "==", "!=", "<=", ">=", "<>"};
    for (const std::string_view pair : pairs)
      if (next_is(pair)) {
        push(Token::Kind::symbol, std::string(pair));
        at_ += 2;
        return 0;
      }
    const char c = source_[at_];
    constexpr std::string_view known = "+-/*%~[](){}<>=.:|,";
    if (known.find(c) == std::string_view::npos)
      reject("expected an expression, found '", characters(std::string_view(source_).substr(at_, 4)).front(), "'");
    push(Token::Kind::symbol, std::string(1, c));
    ++at_;
    return c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
  }

  const std::string source_;
  const std::string& name_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenise(std::string_view source, const std::string& name) {
  return Lexer(source, name).run();
}

}  // namespace strata::jinja
