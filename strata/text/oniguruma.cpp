#include "strata/text/oniguruma.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

constexpr int kDeepest = 100;
constexpr int kMostRepeats = 65'535;
constexpr std::string_view kSpaces =
    R"(\t-\r\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// Outside of brackets: Oniguruma's table of the first 256 characters has some more.
constexpr std::string_view kWordAlone = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\xb2\xb3\xb9\xbc-\xbe)";
constexpr std::string_view kHex = "0-9A-Fa-f";

/// What one character may be: the inside of a class, or its complement; or, when no one class says it, a group of them.
struct Set {
  std::string inside;
  bool negated = false;
  bool group = false;

  std::string text() const { return group ? inside : (negated ? "[^" : "[") + inside + "]"; }
  Set complement() const {
    return group ? Set{"(?:(?!" + inside + ")(?s:.))", false, true} : Set{inside, !negated, false};
  }
};

Set joined(const Set& a, const Set& b) {
  if (a.inside.empty()) return b;
  if (!a.group && !b.group && !a.negated && !b.negated) return {a.inside + b.inside};
  return {"(?:" + a.text() + "|" + b.text() + ")", false, true};
}

Set common(const Set& a, const Set& b) {
  return {"(?:(?=" + a.text() + ")" + b.text() + ")", false, true};
}

struct Named {
  std::string_view name, inside;
  bool negated = false;
};

// [[:name:]] and, but for punct, \p{name}.
constexpr std::array kPosix = std::to_array<Named>({
    {"alnum", R"(\p{Alphabetic}\p{Nd})"},
    {"alpha", R"(\p{Alphabetic})"},
    {"ascii", R"(\x00-\x7f)"},
    {"blank", R"(\t\p{Zs})"},
    {"cntrl", R"(\p{Cc})"},
    {"digit", R"(\p{Nd})"},
    {"graph", R"(\p{Cc}\p{Cn}\p{Cs}\p{Z})", true},
    {"lower", R"(\p{Lowercase})"},
    {"print", R"(\p{Cc}\p{Cn}\p{Cs}\p{Zl}\p{Zp})", true},
    {"punct", R"(\p{P}\p{S})"},
    {"space", kSpaces},
    {"upper", R"(\p{Uppercase})"},
    {"word", kWord},
    {"xdigit", kHex},
});

// General categories by the names that PCRE2 does not know.
constexpr std::array kCategories = std::to_array<Named>({
    {"any", R"(\x{0}-\x{10ffff})"},
    {"assigned", R"(\p{Cn})", true},
    {"casedletter", R"(\p{Lu}\p{Ll}\p{Lt})"},
    {"closepunctuation", R"(\p{Pe})"},
    {"combiningmark", R"(\p{M})"},
    {"connectorpunctuation", R"(\p{Pc})"},
    {"control", R"(\p{Cc})"},
    {"currencysymbol", R"(\p{Sc})"},
    {"dashpunctuation", R"(\p{Pd})"},
    {"decimalnumber", R"(\p{Nd})"},
    {"enclosingmark", R"(\p{Me})"},
    {"finalpunctuation", R"(\p{Pf})"},
    {"format", R"(\p{Cf})"},
    {"initialpunctuation", R"(\p{Pi})"},
    {"lc", R"(\p{Lu}\p{Ll}\p{Lt})"},
    {"letter", R"(\p{L})"},
    {"letternumber", R"(\p{Nl})"},
    {"lineseparator", R"(\p{Zl})"},
    {"lowercaseletter", R"(\p{Ll})"},
    {"mark", R"(\p{M})"},
    {"mathsymbol", R"(\p{Sm})"},
    {"modifierletter", R"(\p{Lm})"},
    {"modifiersymbol", R"(\p{Sk})"},
    {"nonspacingmark", R"(\p{Mn})"},
    {"number", R"(\p{N})"},
    {"openpunctuation", R"(\p{Ps})"},
    {"other", R"(\p{C})"},
    {"otherletter", R"(\p{Lo})"},
    {"othernumber", R"(\p{No})"},
    {"otherpunctuation", R"(\p{Po})"},
    {"othersymbol", R"(\p{So})"},
    {"paragraphseparator", R"(\p{Zp})"},
    {"privateuse", R"(\p{Co})"},
    {"punct", R"(\p{P})"},
    {"punctuation", R"(\p{P})"},
    {"separator", R"(\p{Z})"},
    {"spaceseparator", R"(\p{Zs})"},
    {"spacingmark", R"(\p{Mc})"},
    {"surrogate", R"(\p{Cs})"},
    {"symbol", R"(\p{S})"},
    {"titlecaseletter", R"(\p{Lt})"},
    {"unassigned", R"(\p{Cn})"},
    {"uppercaseletter", R"(\p{Lu})"},
});

template <class Table>
const Named* named(const Table& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Named& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

bool compiles(const std::string& expression) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* const compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                                             PCRE2_UTF, &code, &offset, nullptr);
  pcre2_code_free(compiled);
  return compiled != nullptr;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
char32_t lower(char32_t c) {
  return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

// Means the character itself, in a class and outside.
std::string written(char32_t point) {
  if (point >= 0x80) return utf8(point);
  const char c = static_cast<char>(point);
  if (is_letter(c) || is_digit(c)) return {c};
  return fmt::format("\\x{:02x}", static_cast<unsigned>(point));
}

class Translator {
 public:
  Translator(std::string_view text, const std::string& who) : text_(text), who_(who) {}

  std::string run() {
    if (!valid_utf8(text_)) reject("expected UTF-8");
    std::string out = alternatives({});
    if (at_ < text_.size()) reject("found a ) that closes nothing");
    return out;
  }

 private:
  struct Options {
    bool caseless = false, dot_all = false, extended = false;
  };
  // What a repeat binds to.
  struct Atom {
    enum class Kind : uint8_t { plain, assertion, repeated, lazy_or_possessive };
    std::string text;
    Kind kind = Kind::plain;
  };

  template <class... Parts>
  [[noreturn]] void reject(const Parts&... parts) const {
    fail(who_, ": ", in_quotes(text_), " is no regular expression that we understand: ", parts..., ", at byte ", at_);
  }

  bool more() const { return at_ < text_.size(); }
  bool next_is(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool take(std::string_view what) {
    if (!next_is(what)) return false;
    at_ += what.size();
    return true;
  }
  char32_t point() {
    const Utf8Step step = utf8_step(text_.data() + at_, text_.data() + text_.size());
    at_ += step.bytes;
    return step.point;
  }

  void deeper() {
    if (++depth_ > kDeepest) reject("expected at most ", kDeepest, " groups or classes inside each other");
  }

  // ---- sequences and groups

  // Until the bracket that closes the group, or the end.
  std::string alternatives(Options options) {
    deeper();
    std::string out;
    for (;;) {
      out += sequence(options);
      if (!take("|")) break;
      out += '|';
      last_literal_ = 0;
    }
    --depth_;
    return out;
  }

  std::string sequence(Options options) {
    std::string out;
    for (;;) {
      skip_comments(options);
      if (!more() || next_is("|") || next_is(")")) return out;
      if (const auto changed = isolated_options(options)) {
        // To the end of the group, over the alternatives that follow.
        return out + options_begin(*changed) + alternatives(*changed) + ")";
      }
      Atom atom = this->atom(options);
      skip_comments(options);
      while (repeat(atom)) skip_comments(options);
      out += atom.text;
    }
  }

  void skip_comments(Options options) {
    for (;;) {
      if (next_is("(?#")) {
        const size_t end = text_.find(')', at_);
        if (end == std::string_view::npos) reject("a comment has no end");
        at_ = end + 1;
      } else if (options.extended && more() &&
                 std::string_view(" \t\n\v\f\r").find(text_[at_]) != std::string_view::npos) {
        ++at_;
      } else if (options.extended && next_is("#")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  // (?i) and the like, taken when they stand here alone.
  std::optional<Options> isolated_options(Options options) {
    const size_t before = at_;
    if (!take("(?") || !more() || !(next_is("-") || is_letter(text_[at_]))) {
      at_ = before;
      return std::nullopt;
    }
    change(options);
    if (take(")")) return options;
    at_ = before;
    return std::nullopt;
  }

  void change(Options& options) {
    for (bool on = true; more() && !next_is(")") && !next_is(":"); ++at_) {
      const char c = text_[at_];
      if (c == '-')
        on = false;
      else if (c == 'i')
        options.caseless = on;
      else if (c == 'm')
        options.dot_all = on;
      else if (c == 'x')
        options.extended = on;
      else
        reject("expected the options i, m and x");
    }
  }

  static std::string options_begin(Options options) { return options.caseless ? "(?i:" : "(?-i:"; }

  Atom group(Options options) {
    if (next_is("*")) reject("callouts are not supported");
    std::string begin = "(";
    auto kind = Atom::Kind::plain;
    if (next_is("?")) {
      constexpr std::array kinds = std::to_array<std::string_view>({"?:", "?>", "?=", "?!", "?<=", "?<!"});
      const auto* const found =
          std::find_if(kinds.begin(), kinds.end(), [&](std::string_view each) { return take(each); });
      if (found != kinds.end()) {
        begin += *found;
        if (found - kinds.begin() >= 2) kind = Atom::Kind::assertion;
      } else {
        ++at_;
        if (!more() || !(next_is("-") || is_letter(text_[at_])))
          reject("expected a group that begins with ( (?: (?> (?= (?! (?<= (?<! or (?imx-imx:");
        change(options);
        if (!take(":")) reject("expected ) or : behind options");
        begin = options_begin(options);
      }
    }
    std::string inside = alternatives(options);
    if (!take(")")) reject("a ( has no )");
    return {begin + inside + ")", kind};
  }

  // ---- repeats

  // Takes one repeat, if one stands here.
  bool repeat(Atom& atom) {
    if (!more()) return false;
    const char c = text_[at_];
    std::string times(1, c);
    const bool counted = c == '{';
    if (counted) {
      auto text = count();
      if (!text) return false;
      times = *std::move(text);
    } else if (c == '?' || c == '*' || c == '+') {
      ++at_;
    } else {
      return false;
    }
    if (atom.kind == Atom::Kind::assertion) reject("expected something that takes characters before a repeat");
    if (atom.kind == Atom::Kind::lazy_or_possessive) reject("a repeat of a lazy or possessive repeat is not supported");
    if (atom.kind == Atom::Kind::repeated) atom.text = "(?:" + atom.text + ")";
    atom.text += times;
    atom.kind = Atom::Kind::repeated;
    // Behind {n}, ? is one more repeat, and + behind all of those in braces.
    const bool exactly = counted && times.find(',') == std::string::npos;
    if ((next_is("?") && !exactly) || (next_is("+") && !counted)) {
      atom.text += text_[at_++];
      atom.kind = Atom::Kind::lazy_or_possessive;
    }
    last_literal_ = 0;
    return true;
  }

  // {n}, {n,}, {,m} or {n,m}; anything else is text.
  std::optional<std::string> count() {
    size_t at = at_ + 1;
    const auto number = [&]() -> std::optional<int> {
      int value = 0;
      const size_t begin = at;
      for (; at < text_.size() && is_digit(text_[at]); ++at)
        value = std::min(value * 10 + (text_[at] - '0'), kMostRepeats + 1);
      if (value > kMostRepeats) reject("expected at most ", kMostRepeats, " repeats");
      return at == begin ? std::nullopt : std::optional(value);
    };
    const auto low = number();
    const bool comma = at < text_.size() && text_[at] == ',';
    if (comma) ++at;
    const auto high = comma ? number() : low;
    if (at >= text_.size() || text_[at] != '}' || (!low && !high)) return std::nullopt;
    if (low && high && *low > *high) reject("expected {n,m} with n up to m");
    at_ = at + 1;
    if (!comma) return fmt::format("{{{}}}", *low);
    return high ? fmt::format("{{{},{}}}", low.value_or(0), *high) : fmt::format("{{{},}}", *low);
  }

  // ---- what takes one character

  Atom atom(Options options) {
    if (take("(")) return group(options);
    if (take("[")) return of_set(character_class(options));
    if (take(".")) return of_set(options.dot_all ? Set{R"(\x{0}-\x{10ffff})"} : Set{R"(\n)", true});
    if (take("^")) return {"^", Atom::Kind::assertion};
    if (take("$")) return {"$", Atom::Kind::assertion};
    if (next_is("*") || next_is("+") || next_is("?") || (next_is("{") && count()))
      reject("a repeat has nothing before it");
    if (take("\\")) return escape(options);
    return literal(point(), options);
  }

  Atom of_set(const Set& set) {
    last_literal_ = 0;
    return {set.text()};
  }

  Atom literal(char32_t point, Options options) {
    check_case(point, options);
    if (options.caseless) {
      // Case folding makes ß of ss, ﬁ of fi: one character of several.
      const char32_t pair = lower(last_literal_) << 8 | lower(point);
      for (const std::string_view folded : {"ss", "ff", "fi", "fl", "st"})
        if (pair == (static_cast<char32_t>(folded[0]) << 8 | static_cast<char32_t>(folded[1])))
          reject("(?i) with ", folded, ", which one character can stand for, is not supported");
    }
    last_literal_ = options.caseless ? point : 0;
    return {written(point)};
  }

  void check_case(char32_t point, Options options) const {
    if (options.caseless && point >= 0x80) reject("(?i) is supported for the letters of ASCII only");
  }

  // Behind the backslash, outside of a class.
  Atom escape(Options options) {
    if (!more()) reject("a backslash stands at the end");
    const char c = text_[at_];
    if (const auto set = shorthand(options, false)) return of_set(*set);
    const Set word{std::string(kWordAlone)};
    switch (c) {
      case 'b':
        return assertion("(?:(?<=" + word.text() + ")(?!" + word.text() + ")|(?<!" + word.text() +
                         ")(?=" + word.text() + "))");
      case 'B':
        return assertion("(?:(?<=" + word.text() + ")(?=" + word.text() + ")|(?<!" + word.text() + ")(?!" +
                         word.text() + "))");
      case 'A':
      case 'z':
      case 'Z':
      case 'G':
      case 'K':
        return assertion(std::string("\\") + c);
      case 'R':
        ++at_;
        last_literal_ = 0;
        return {R"((?>\r\n|[\n-\r\x85\x{2028}\x{2029}]))"};
      case 'N':
        ++at_;
        return of_set({R"(\n)", true});
      case 'O':
        ++at_;
        return of_set({R"(\x{0}-\x{10ffff})"});
      case 'X':
      case 'y':
      case 'Y':
      case 'k':
      case 'g':
        reject("\\", std::string(1, c), " is not supported");
      default:
        break;
    }
    if (c >= '1' && c <= '9') {
      ++at_;
      if (options.caseless || (more() && is_digit(text_[at_]))) reject("this reference to a group is not supported");
      last_literal_ = 0;
      return {fmt::format("\\g{{{}}}", c)};
    }
    return literal(escaped_point(), options);
  }

  Atom assertion(std::string text) {
    ++at_;
    last_literal_ = 0;
    return {std::move(text), Atom::Kind::assertion};
  }

  // \w \s \d \h, their complements and properties; nothing when something else stands here.
  std::optional<Set> shorthand(Options options, bool in_class) {
    const char c = text_[at_];
    if (c == 'p' || c == 'P') {
      if (at_ + 1 >= text_.size() || text_[at_ + 1] != '{') return std::nullopt;  // a letter p
      at_ += 2;
      return property(c == 'P', options, in_class);
    }
    std::string inside;
    const char kind = static_cast<char>(c | 0x20);
    if (kind == 'w')
      inside = in_class ? kWord : kWordAlone;
    else if (kind == 's')
      inside = kSpaces;
    else if (kind == 'd')
      inside = R"(\p{Nd})";
    else if (kind == 'h')
      inside = kHex;
    else
      return std::nullopt;
    ++at_;
    if (kind == 'w') check_set(options, in_class);
    return Set{inside, c != kind};
  }

  // Where a class holds one case, Oniguruma adds the other.
  void check_set(Options options, bool in_class) const {
    if (options.caseless && in_class) reject("properties in a class under (?i) are not supported");
  }

  Set property(bool negated, Options options, bool in_class) {
    const size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) reject("a \\p{ has no }");
    check_set(options, in_class);
    if (take("^")) negated = !negated;
    std::string name;
    for (const char c : text_.substr(at_, end - at_)) {
      if (c == ' ' || c == '-' || c == '_') continue;
      if (!is_letter(c) && !is_digit(c)) reject("expected the name of a property in \\p{ }");
      name += static_cast<char>(lower(static_cast<unsigned char>(c)));
    }
    Set set;
    const Named* known = named(kCategories, name);
    if (!known) known = named(kPosix, name);
    if (name == "word" && !in_class)
      set.inside = kWordAlone;
    else if (known)
      set = {std::string(known->inside), known->negated};
    // A script alone, without what other scripts share with it, which PCRE2 adds.
    else if (const std::string script = "\\p{sc:" + name + "}"; compiles(script))
      set.inside = script;
    else if (const std::string other = "\\p{" + name + "}"; compiles(other))
      set.inside = other;
    else
      reject("the property '", name.substr(0, 40), "' is not known");
    at_ = end + 1;
    // Outside of a class no case is added.
    if (options.caseless) set = {"(?-i:" + set.text() + ")", false, true};
    return negated ? set.complement() : set;
  }

  // The character that an escape stands for, behind the backslash.
  char32_t escaped_point() {
    const char c = text_[at_];
    constexpr std::string_view controls = "tnrfvae";
    if (const size_t which = controls.find(c); which != std::string_view::npos) {
      ++at_;
      return static_cast<unsigned char>("\t\n\r\f\v\a\x1b"[which]);
    }
    if (c == 'x' || c == 'u') return coded_point();
    if (is_digit(c) || c == 'c' || c == 'C' || c == 'M' || c == 'o')
      reject("\\", std::string(1, c), " is not supported");
    return point();
  }

  // \xHH, \x{H...}, \uHHHH
  char32_t coded_point() {
    const bool braces = next_is("x{"), four = next_is("u");
    at_ += braces ? 2 : 1;
    uint32_t value = 0;
    const size_t end = braces ? text_.find('}', at_) : std::min(at_ + (four ? 4 : 2), text_.size());
    const size_t length = end == std::string_view::npos ? 0 : end - at_;
    const auto read = std::from_chars(text_.data() + at_, text_.data() + at_ + length, value, 16);
    if (length == 0 || length > 8 || (four && length < 4) || read.ptr != text_.data() + at_ + length)
      reject("expected \\xHH, \\x{H...} or \\uHHHH with hexadecimal digits");
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) reject("expected a character of Unicode");
    if (!braces && !four && value >= 0x80) reject("\\xHH is a byte, not a character, from 80 on; write \\x{HH}");
    at_ = end + (braces ? 1 : 0);
    return value;
  }

  // ---- classes

  // Behind the [.
  Set character_class(Options options) {
    deeper();
    const bool negated = take("^");
    std::optional<Set> sides;  // what the sides of && before this one have in common
    Set side;
    for (bool first = true; first || !take("]"); first = false) {
      if (!more()) reject("a [ has no ]");
      if (take("&&")) {
        if (options.caseless) reject("&& under (?i) is not supported");
        if (side.inside.empty()) reject("expected something on both sides of &&");
        sides = sides ? common(*sides, side) : side;
        side = {};
      } else {
        side = joined(side, member(options, first));
      }
    }
    if (side.inside.empty()) reject("expected something on both sides of &&");
    --depth_;
    const Set all = sides ? common(*sides, side) : side;
    return negated ? all.complement() : all;
  }

  Set member(Options options, bool first) {
    if (take("[:")) return posix(options);
    if (take("[")) {
      // Its complement is taken before the other case is added.
      if (options.caseless) reject("classes inside each other under (?i) are not supported");
      return character_class(options);
    }
    if (first && next_is("]") && text_.find(']', at_ + 1) == std::string_view::npos)
      reject("expected a class that is not empty");
    if (next_is("\\") && at_ + 1 < text_.size()) {
      ++at_;
      if (auto set = shorthand(options, true)) {
        if (next_is("-") && !next_is("-]")) reject("expected a - behind a set at the end of the class only");
        return *std::move(set);
      }
      --at_;
    }
    const char32_t low = class_point(options);
    if (!next_is("-") || next_is("-]") || at_ + 1 >= text_.size()) return {written(low)};
    ++at_;
    if (next_is("[") || next_is("&&")) reject("expected a character behind the - of a range");
    if (next_is("\\") && at_ + 1 < text_.size() &&
        std::string_view("wWsSdDhHpP").find(text_[at_ + 1]) != std::string_view::npos)
      reject("expected a character behind the - of a range");
    const char32_t high = class_point(options);
    if (high < low) reject("expected a range that ascends");
    Set set{written(low) + "-" + written(high)};
    // Behind a range, a - is only itself.
    if (take("-")) {
      if (next_is("-")) reject("expected one - behind a range");
      set.inside += written('-');
    }
    return set;
  }

  char32_t class_point(Options options) {
    char32_t result = 0;
    if (!take("\\"))
      result = point();
    else if (!more())
      reject("a [ has no ]");
    else if (take("b"))
      result = '\b';
    else
      result = escaped_point();
    check_case(result, options);
    return result;
  }

  // Behind the [: .
  Set posix(Options options) {
    const bool negated = take("^");
    const size_t end = text_.find(":]", at_);
    const Named* known = end == std::string_view::npos ? nullptr : named(kPosix, text_.substr(at_, end - at_));
    if (!known) reject("expected [:name:] with a name such as alpha or digit");
    check_set(options, true);
    at_ = end + 2;
    const Set set{std::string(known->inside), known->negated};
    return negated ? set.complement() : set;
  }

  std::string_view text_;
  const std::string& who_;
  size_t at_ = 0;
  int depth_ = 0;
  char32_t last_literal_ = 0;  // the letter just before, under (?i)
};

}  // namespace

std::string oniguruma_to_pcre2(std::string_view expression, const std::string& who) {
  return Translator(expression, who).run();
}

}  // namespace strata
