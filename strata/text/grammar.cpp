#include "strata/text/grammar.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "strata/base/error.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

using Kind = Grammar::Node::Kind;
using Range = std::pair<uint32_t, uint32_t>;  // of code points, both included

constexpr size_t kMostNodes = 500'000;
constexpr size_t kLargestText = 4 << 20;
constexpr int kDeepest = 200;
constexpr int64_t kMostRepeats = 100'000;
constexpr size_t kMostCopied = 64 << 20;  // bytes of text that repetitions read again
constexpr uint32_t kLastCodePoint = 0x10ffff;

// A piece of the network under construction: entered at `first`, and every way out leads to `last`, a jump whose next is
// still open.
struct Piece {
  int32_t first, last;
};

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Grammar run() {
    if (text_.size() > kLargestText) fail(name_, ": expected at most ", kLargestText, " bytes, found ", text_.size());
    for (skip(); at_ < text_.size(); skip()) rule();
    for (size_t i = 0; i < grammar_.rules.size(); ++i)
      if (grammar_.rules[i].start < 0)
        at_ = first_use_[i], reject("the rule '", grammar_.rules[i].name, "' is used but never written");
    const auto root = names_.find("root");
    if (root == names_.end()) fail(name_, ": expected a rule called 'root', found none");
    grammar_.root = root->second;
    skip_jumps();
    refuse_left_recursion();
    return std::move(grammar_);
  }

 private:
  template <class... Parts>
  [[noreturn]] void reject(const Parts&... parts) const {
    fail(name_, ", line ", 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n'), ": ",
         parts...);
  }
  [[noreturn]] void expected(std::string_view what) const {
    if (at_ >= text_.size()) reject("expected ", what, ", found the end");
    const char c = text_[at_];
    if (c > 0x20 && c < 0x7f) reject("expected ", what, ", found '", std::string(1, c), "'");
    reject("expected ", what, ", found something else");
  }

  // ---- text

  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  void skip() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#')
        at_ = std::min(text_.find('\n', at_), text_.size());
      else if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
        ++at_;
      else
        return;
    }
  }
  static bool in_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }
  size_t name_end() const {
    size_t end = at_;
    while (end < text_.size() && in_name(text_[end])) ++end;
    return end;
  }
  // Whether a new rule begins here: a name and ::=.
  bool at_rule() const {
    size_t end = name_end();
    if (end == at_) return false;
    while (end < text_.size() && (text_[end] == ' ' || text_[end] == '\t')) ++end;
    return text_.substr(end).starts_with("::=");
  }

  uint32_t hex(size_t digits) {
    uint32_t code = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : ' ';
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) expected(std::to_string(digits) + " hexadecimal digits");
      code = code << 4 | static_cast<uint32_t>(digit);
    }
    if (code > kLastCodePoint || (code >= 0xd800 && code < 0xe000)) reject("expected the code of a character");
    return code;
  }

  uint32_t escaped() {
    if (at_ >= text_.size()) expected("a character behind the backslash");
    const char c = text_[at_++];
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      default:
        if (std::string_view("\\\"[]-^./").find(c) == std::string_view::npos) {
          --at_;
          expected("one of n r t x u U \\ \" [ ] - ^ behind the backslash");
        }
        return static_cast<unsigned char>(c);
    }
  }

  uint32_t character() {
    if (take('\\')) return escaped();
    const Utf8Step step = utf8_step(text_.data() + at_, text_.data() + text_.size());
    if (!step.valid()) reject("expected UTF-8, found other bytes");
    at_ += step.bytes;
    return step.point;
  }

  // ---- network

  int32_t add(Kind kind, int32_t next = -1, int32_t target = -1) {
    if (grammar_.nodes.size() == kMostNodes) reject("expected at most ", kMostNodes, " nodes in all, found more");
    grammar_.nodes.push_back({kind, next, target});
    return static_cast<int32_t>(grammar_.nodes.size() - 1);
  }
  void connect(int32_t from, int32_t to) { grammar_.nodes[static_cast<size_t>(from)].next = to; }

  Piece nothing() {
    const int32_t node = add(Kind::jump);
    return {node, node};
  }
  Piece sequence(Piece a, Piece b) {
    connect(a.last, b.first);
    return {a.first, b.last};
  }
  Piece either(Piece a, Piece b) {
    const int32_t out = add(Kind::jump);
    connect(a.last, out);
    connect(b.last, out);
    return {add(Kind::split, a.first, b.first), out};
  }
  Piece optional(Piece a) { return either(a, nothing()); }
  Piece loop(Piece a) {
    const int32_t out = add(Kind::jump), choice = add(Kind::split, a.first, out);
    connect(a.last, choice);
    return {choice, out};
  }
  Piece bytes(const std::bitset<256>& set) {
    auto [known, fresh] = sets_.emplace(set, static_cast<int32_t>(grammar_.sets.size()));
    if (fresh) grammar_.sets.push_back(set);
    const int32_t out = add(Kind::jump);
    return {add(Kind::bytes, out, known->second), out};
  }
  Piece byte_range(uint32_t low, uint32_t high) {
    std::bitset<256> set;
    for (uint32_t byte = low; byte <= high; ++byte) set.set(byte);
    return bytes(set);
  }
  Piece literal(const std::string& text) {
    Piece piece = nothing();
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      piece = sequence(piece, byte_range(byte, byte));
    }
    return piece;
  }

  // Code points of one length in UTF-8 as byte ranges: where the first bytes of the ends differ, what lies between them
  // takes any further bytes.
  Piece encoded(const std::string& low, const std::string& high) {
    const auto first = [](const std::string& text) { return static_cast<unsigned char>(text[0]); };
    if (low.size() == 1) return byte_range(first(low), first(high));
    const std::string least(low.size() - 1, '\x80'), most(low.size() - 1, '\xbf');
    const std::string low_rest = low.substr(1), high_rest = high.substr(1);
    if (first(low) == first(high)) return sequence(byte_range(first(low), first(low)), encoded(low_rest, high_rest));
    std::optional<Piece> piece;
    const auto also = [&](Piece more) { piece = piece ? either(*piece, more) : more; };
    uint32_t begin = first(low), end = first(high);
    if (low_rest != least) {
      also(sequence(byte_range(begin, begin), encoded(low_rest, most)));
      ++begin;
    }
    if (high_rest != most) {
      also(sequence(byte_range(end, end), encoded(least, high_rest)));
      --end;
    }
    if (begin <= end) also(sequence(byte_range(begin, end), encoded(least, most)));
    return *piece;
  }

  // Any of the characters; the ASCII ones are one set of bytes.
  Piece any_of(const std::vector<Range>& ranges) {
    std::bitset<256> ascii;
    std::optional<Piece> piece;
    for (const auto& [low, high] : ranges) {
      for (uint32_t code = low; code <= high && code < 0x80; ++code) ascii.set(code);
      for (const auto& [from, to] :
           {Range{0x80, 0x7ff}, Range{0x800, 0xd7ff}, Range{0xe000, 0xffff}, Range{0x10000, kLastCodePoint}}) {
        const uint32_t begin = std::max(low, from), end = std::min(high, to);
        if (begin > end) continue;
        std::string first, last;
        append_utf8(first, begin);
        append_utf8(last, end);
        const Piece more = encoded(first, last);
        piece = piece ? either(*piece, more) : more;
      }
    }
    if (ascii.any() || !piece) {
      const Piece more = bytes(ascii);
      piece = piece ? either(*piece, more) : more;
    }
    return *piece;
  }

  static std::vector<Range> complement(std::vector<Range> ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<Range> result;
    uint32_t next = 0;
    for (const auto& [low, high] : ranges) {
      if (low > next) result.emplace_back(next, low - 1);
      next = std::max(next, high + 1);
    }
    if (next <= kLastCodePoint) result.emplace_back(next, kLastCodePoint);
    return result;
  }

  // Leads every way past the jumps that building left, so that nobody walks along them again. No jumps alone make a
  // circle, since a loop has a split.
  void skip_jumps() {
    auto& nodes = grammar_.nodes;
    std::vector<int32_t> chain;
    const auto landing = [&](int32_t at) {
      for (; at >= 0 && nodes[static_cast<size_t>(at)].kind == Kind::jump; at = nodes[static_cast<size_t>(at)].next)
        chain.push_back(at);
      for (const int32_t jump : chain) connect(jump, at);
      chain.clear();
      return at;
    };
    for (auto& node : nodes) {
      node.next = landing(node.next);
      if (node.kind == Kind::split) node.target = landing(node.target);
    }
    for (auto& rule : grammar_.rules) rule.start = landing(rule.start);
  }

  // ---- grammar

  int32_t rule_of(const std::string& name) {
    const auto [known, fresh] = names_.emplace(name, static_cast<int32_t>(grammar_.rules.size()));
    if (fresh) {
      grammar_.rules.push_back({name, -1});
      first_use_.push_back(at_);
    }
    return known->second;
  }

  void rule() {
    if (!at_rule()) expected("a rule: name ::= ...");
    const std::string name(text_.substr(at_, name_end() - at_));
    const auto index = static_cast<size_t>(rule_of(name));
    if (grammar_.rules[index].start >= 0) reject("the rule '", name, "' is written twice");
    at_ = text_.find("::=", at_) + 3;
    const Piece body = alternatives();
    connect(body.last, add(Kind::end));
    grammar_.rules[index].start = body.first;
    skip();
    if (at_ < text_.size() && !at_rule()) expected("'|', another rule or the end");
  }

  Piece alternatives() {
    if (++depth_ > kDeepest) reject("expected at most ", kDeepest, " groups inside each other, found more");
    Piece piece = items();
    for (skip(); take('|'); skip()) piece = either(piece, items());
    --depth_;
    return piece;
  }

  Piece items() {
    Piece piece = nothing();
    for (skip(); at_ < text_.size() && !next_is('|') && !next_is(')') && !at_rule(); skip())
      piece = sequence(piece, repeated());
    return piece;
  }

  // An item and what stands behind it. Copies are made by reading its text again.
  Piece repeated() {
    const size_t begin = at_;
    Piece one = item();
    const size_t end = at_;
    for (;;) {
      skip();
      if (take('?')) {
        one = optional(one);
      } else if (take('*')) {
        one = loop(one);
      } else if (next_is('+') || next_is('{')) {
        if (at_ != end && text_.substr(end, at_ - end).find_first_not_of(" \t\r\n") != std::string_view::npos)
          reject("expected one repetition behind an item; put the item in brackets to repeat it again");
        return counted(one, begin);
      } else {
        return one;
      }
    }
  }

  int64_t number() {
    int64_t value = 0;
    const size_t begin = at_;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      value = std::min(value * 10 + (text_[at_] - '0'), kMostRepeats + 1);
    if (at_ == begin) expected("a number");
    if (value > kMostRepeats) reject("expected at most ", kMostRepeats, " repetitions, found more");
    return value;
  }

  Piece counted(Piece one, size_t begin) {
    int64_t least = 1, most = -1;
    if (!take('+')) {
      take('{');
      skip();
      least = number();
      most = least;
      skip();
      if (take(',')) {
        skip();
        most = next_is('}') ? -1 : number();
        skip();
      }
      if (!take('}')) expected("'}'");
      if (most >= 0 && most < least) reject("expected {least,most}, found a most below the least");
    }
    const size_t behind = at_;
    bool used = false;
    const auto copy = [&] {
      if (!std::exchange(used, true)) return one;
      copied_ += behind - begin;
      if (copied_ > kMostCopied)
        reject("expected repetitions of less text in all, found more than ", kMostCopied, " bytes");
      at_ = begin;
      return item();
    };
    Piece all = nothing();
    for (int64_t i = 0; i < least; ++i) all = sequence(all, copy());
    if (most < 0) {
      all = sequence(all, loop(copy()));
    } else {
      // Each further copy may be left out, and then so are those behind it.
      const int32_t out = add(Kind::jump);
      for (int64_t i = least; i < most; ++i) {
        const Piece more = copy();
        connect(all.last, add(Kind::split, more.first, out));
        all.last = more.last;
      }
      connect(all.last, out);
      all.last = out;
    }
    at_ = behind;
    return all;
  }

  Piece item() {
    if (take('"')) return quoted();
    if (take('[')) return any_of(character_class());
    if (take('.')) return any_of({{0, kLastCodePoint}});
    if (take('(')) {
      const Piece piece = alternatives();
      if (!take(')')) expected("')'");
      return piece;
    }
    const size_t end = name_end();
    if (end == at_) expected("a text, class, name or group");
    const int32_t rule = rule_of(std::string(text_.substr(at_, end - at_)));
    at_ = end;
    const int32_t out = add(Kind::jump);
    return {add(Kind::call, out, rule), out};
  }

  Piece quoted() {
    std::string text;
    while (!take('"')) {
      if (at_ >= text_.size() || next_is('\n')) expected("'\"' at the end of a text");
      append_utf8(text, character());
    }
    return literal(text);
  }

  std::vector<Range> character_class() {
    const bool negated = take('^');
    std::vector<Range> ranges;
    while (!take(']')) {
      if (at_ >= text_.size() || next_is('\n')) expected("']' at the end of a class");
      const uint32_t low = character();
      uint32_t high = low;
      if (next_is('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        high = character();
        if (high < low) reject("expected a range of ascending characters");
      }
      ranges.emplace_back(low, high);
    }
    return negated ? complement(std::move(ranges)) : ranges;
  }

  // ---- rules that begin with themselves would be followed forever

  void refuse_left_recursion() {
    const auto nullable = nullable_rules();
    std::vector<bool> seen(grammar_.nodes.size(), false);  // each node is of one rule, which is looked at once
    // 0: not seen, 1: being followed, 2: done
    std::vector<int> state(grammar_.rules.size(), 0);
    struct Visit {
      int32_t rule;
      std::vector<int32_t> next;
    };
    for (int32_t start = 0; start < std::ssize(grammar_.rules); ++start) {
      if (state[static_cast<size_t>(start)] != 0) continue;
      std::vector<Visit> path{{start, first_calls(start, nullable, seen)}};
      state[static_cast<size_t>(start)] = 1;
      while (!path.empty()) {
        if (path.back().next.empty()) {
          state[static_cast<size_t>(path.back().rule)] = 2;
          path.pop_back();
          continue;
        }
        const int32_t rule = path.back().next.back();
        path.back().next.pop_back();
        if (state[static_cast<size_t>(rule)] == 1)
          fail(name_, ": the rule '", grammar_.rules[static_cast<size_t>(rule)].name,
               "' can begin with itself; write what comes first first, as in list ::= item (\",\" item)*");
        if (state[static_cast<size_t>(rule)] == 2) continue;
        state[static_cast<size_t>(rule)] = 1;
        path.push_back({rule, first_calls(rule, nullable, seen)});
      }
    }
  }

  // A call is stepped over once, when its rule turns out to derive the empty text; until then it waits. So each node is
  // visited once.
  std::vector<bool> nullable_rules() {
    std::vector<bool> seen(grammar_.nodes.size(), false), nullable(grammar_.rules.size(), false);
    struct Place {
      int32_t node, rule;  // whose the node is
    };
    std::vector<std::vector<Place>> waiting(grammar_.rules.size());  // behind calls of a rule
    std::vector<Place> work;
    work.reserve(grammar_.rules.size());
    for (size_t rule = 0; rule < grammar_.rules.size(); ++rule)
      work.push_back({grammar_.rules[rule].start, static_cast<int32_t>(rule)});
    while (!work.empty()) {
      const Place at = work.back();
      work.pop_back();
      if (seen[static_cast<size_t>(at.node)]) continue;
      seen[static_cast<size_t>(at.node)] = true;
      const auto& node = grammar_.nodes[static_cast<size_t>(at.node)];
      if (node.kind == Kind::end) {
        nullable[static_cast<size_t>(at.rule)] = true;
        auto& behind = waiting[static_cast<size_t>(at.rule)];
        work.insert(work.end(), behind.begin(), behind.end());
        behind.clear();
      } else if (node.kind == Kind::split) {
        work.push_back({node.target, at.rule});
        work.push_back({node.next, at.rule});
      } else if (node.kind == Kind::call) {
        const auto called = static_cast<size_t>(node.target);
        (nullable[called] ? work : waiting[called]).push_back({node.next, at.rule});
      }
    }
    return nullable;
  }

  // The rules that a rule can begin with: those called from what its start reaches without a byte.
  std::vector<int32_t> first_calls(int32_t rule, const std::vector<bool>& nullable, std::vector<bool>& seen) const {
    std::vector<int32_t> work{grammar_.rules[static_cast<size_t>(rule)].start}, calls;
    while (!work.empty()) {
      const auto at = static_cast<size_t>(work.back());
      work.pop_back();
      if (seen[at]) continue;
      seen[at] = true;
      const auto& node = grammar_.nodes[at];
      if (node.kind == Kind::split) {
        work.push_back(node.target);
        work.push_back(node.next);
      } else if (node.kind == Kind::call) {
        calls.push_back(node.target);
        if (nullable[static_cast<size_t>(node.target)]) work.push_back(node.next);
      }
    }
    std::sort(calls.begin(), calls.end());
    calls.erase(std::unique(calls.begin(), calls.end()), calls.end());
    return calls;
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
  size_t copied_ = 0;
  int depth_ = 0;
  Grammar grammar_;
  std::map<std::string, int32_t> names_;
  std::vector<size_t> first_use_;  // where each rule is first named
  std::unordered_map<std::bitset<256>, int32_t> sets_;
};

}  // namespace

Grammar parse_grammar(std::string_view text, const std::string& name) {
  return Parser(text, name).run();
}

}  // namespace strata
