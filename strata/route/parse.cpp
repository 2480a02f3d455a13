#include "strata/route/parse.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "strata/base/error.h"
#include "strata/route/name.h"

namespace strata {
namespace {

std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f)
      out += c;
    else
      out.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  }
  return out;
}

// One span as written, before it is expanded.
struct Span {
  Call call;
  int32_t last = 0;  // block of the range's end
  int64_t times = 1;
  std::optional<size_t> range_at;  // where a range or repeat stands, if any
  std::optional<size_t> repeat_at;
};

class Parser {
 public:
  Parser(std::string_view text, const RouteBounds& bounds) : text_(text), bounds_(bounds) {}

  Route route() {
    skip_spaces();
    if (at_end()) expected("a route such as 0-11, or none for no blocks at all");
    if (take_none()) return {};
    Route route;
    do {
      skip_spaces();
      step(route);
      skip_spaces();
    } while (take(','));
    if (!at_end()) expected("',' and another step, or the end");
    return route;
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  bool next_is(char c) const { return !at_end() && text_[at_] == c; }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  void skip_spaces() {
    while (take(' ')) {
    }
  }

  bool take_none() {
    constexpr std::string_view none = "none";
    std::string_view rest = text_.substr(at_);
    while (rest.ends_with(' ')) rest.remove_suffix(1);
    return rest == none;
  }

  // The text, or what surrounds the position when it is long.
  std::string excerpt(size_t at) const {
    constexpr size_t around = 32;
    const size_t begin = at > around ? at - around : 0;
    const size_t end = std::min(text_.size(), at + around);
    return (begin > 0 ? "\"..." : "\"") + printable(text_.substr(begin, end - begin)) +
           (end < text_.size() ? "...\"" : "\"");
  }

  template <class... Parts>
  [[noreturn]] void reject(size_t at, const Parts&... parts) const {
    fail("route, position ", at + 1, ": ", parts..., " in ", excerpt(at));
  }
  [[noreturn]] void expected(std::string_view what) const {
    if (at_end()) reject(at_, "expected ", what, ", found the end");
    const size_t length = std::clamp<size_t>(name_length(text_.substr(at_)), 1, 20);
    reject(at_, "expected ", what, ", found '", printable(text_.substr(at_, length)), "'");
  }

  int32_t number(std::string_view what, int64_t least, int64_t most) {
    const size_t begin = at_;
    int64_t value = 0;
    for (; !at_end() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      value = std::min(value * 10 + (text_[at_] - '0'), most + 1);
    if (at_ == begin) expected(what);
    if (value < least || value > most)
      reject(begin, "expected ", what, " from ", least, " to ", most, ", found ",
             text_.substr(begin, std::min<size_t>(at_ - begin, 20)));
    return static_cast<int32_t>(value);
  }

  std::string_view name(std::string_view what) {
    const std::string_view found = text_.substr(at_, name_length(text_.substr(at_)));
    if (found.empty()) expected(what);
    if (std::ssize(found) > kMaxRouteName)
      reject(at_, "expected ", what, " of at most ", kMaxRouteName, " characters, found ", found.size());
    at_ += found.size();
    return found;
  }

  void step(Route& route) {
    const size_t begin = at_;
    Span span = this->span();
    if (next_is('+')) {
      group(route, std::move(span));
      return;
    }
    const int64_t count = (int64_t{span.last} - span.call.block + 1) * span.times;
    if (std::ssize(route.steps) + count > bounds_.steps)
      reject(begin, "expected at most ", bounds_.steps, " steps in all, found ", std::ssize(route.steps) + count);
    spend_calls(begin, count);
    spend_members(begin, span_members_ * (count - 1));  // one copy was counted while reading
    for (int64_t time = 0; time < span.times; ++time)
      for (int32_t block = span.call.block; block <= span.last; ++block) {
        auto& call = route.steps.emplace_back(1, span.call).front();
        call.block = block;
      }
  }

  void group(Route& route, Span first) {
    if (std::ssize(route.steps) + 1 > bounds_.steps)
      reject(at_, "expected at most ", bounds_.steps, " steps in all, found one more");
    Step step;
    for (Span span = std::move(first);; span = this->span()) {
      if (span.range_at)
        reject(*span.range_at, "expected single calls side by side, found a range; write it out as ", span.call.block,
               "+", span.call.block + 1, "...");
      if (span.repeat_at)
        reject(*span.repeat_at, "expected single calls side by side, found a repeat; write the calls out");
      spend_calls(at_, 1);
      step.push_back(std::move(span.call));
      if (!take('+')) break;
    }
    route.steps.push_back(std::move(step));
  }

  Span span() {
    Span span;
    span_members_ = 0;
    if (const size_t length = name_length(text_.substr(at_)); length > 0) {
      if (text_.substr(at_ + length, 1) != ":") expected("a block index, or a source name and ':'");
      span.call.source = name("a source name");
      take(':');
    }
    blocks(span);
    if (take('.')) part(span.call);
    if (next_is('[')) limits(span.call);
    if (next_is('x')) {
      span.repeat_at = at_++;
      span.times = number("a repeat count", 1, kMaxRouteSteps);
    }
    return span;
  }

  void blocks(Span& span) {
    const size_t begin = at_;
    span.call.block = span.last = number("a block index", 0, kMaxBlockIndex);
    if (!next_is('-')) return;
    span.range_at = at_++;
    span.last = number("a block index", 0, kMaxBlockIndex);
    if (span.last < span.call.block)
      reject(begin, "expected an ascending range, found ", span.call.block, "-", span.last,
             "; write blocks in another order one by one, as in 3,2,1");
  }

  void part(Call& call) {
    const size_t begin = at_;
    const std::string_view found = name("a part name");
    const std::string_view part = found.substr(0, length_before_repeat(found));
    if (part.empty() || length_before_repeat(part) != part.size()) {
      at_ = begin;
      expected("a part name that does not end in x and digits");
    }
    at_ = begin + part.size();
    call.part = part;
  }

  void limits(Call& call) {
    take('[');
    do {
      const size_t begin = at_;
      Limit limit = this->limit();
      for (const auto& other : call.limits)
        if (other.kind == limit.kind) reject(begin, "expected each limit once, found ", name_of(limit.kind), " twice");
      call.limits.push_back(std::move(limit));
    } while (take(';'));
    if (!take(']')) expected(call.limits.back().exact() ? "',', ';' or ']'" : "';' or ']'");
    std::sort(call.limits.begin(), call.limits.end(), [](const Limit& a, const Limit& b) { return a.kind < b.kind; });
  }

  Limit limit() {
    Limit limit;
    limit.kind = limit_kind();
    if (!take('=')) expected("'='");
    const size_t begin = at_;
    const int32_t first = number("an index or a percentage", 0, kMaxLimitMember);
    if (take('%')) {
      if (first < 1 || first > 100) reject(begin, "expected a percentage from 1 to 100, found ", first);
      limit.percent = first;
      if (!take('@')) expected("'@' and the name of the selector that picks this percentage");
      limit.selector = name("a selector name");
      return limit;
    }
    at_ = begin;
    do members(limit);
    while (take(','));
    std::sort(limit.members.begin(), limit.members.end());
    const auto twice = std::adjacent_find(limit.members.begin(), limit.members.end());
    if (twice != limit.members.end()) reject(begin, "expected each member once, found ", *twice, " twice");
    return limit;
  }

  Limit::Kind limit_kind() {
    const std::string_view found = text_.substr(at_, name_length(text_.substr(at_)));
    for (const auto kind : {Limit::Kind::heads, Limit::Kind::neurons, Limit::Kind::inputs})
      if (found == name_of(kind)) {
        at_ += found.size();
        return kind;
      }
    expected("heads, neurons or inputs");
  }

  void members(Limit& limit) {
    const size_t begin = at_;
    const int32_t first = number("an index", 0, kMaxLimitMember);
    const int32_t last = take('-') ? number("an index", 0, kMaxLimitMember) : first;
    if (last < first) reject(begin, "expected an ascending range, found ", first, "-", last);
    const int64_t count = int64_t{last} - first + 1;
    spend_members(begin, count);
    span_members_ += count;
    for (int32_t member = first; member <= last; ++member) limit.members.push_back(member);
  }

  void spend_calls(size_t at, int64_t count) {
    calls_ += count;
    if (calls_ > bounds_.calls) reject(at, "expected at most ", bounds_.calls, " calls in all, found ", calls_);
  }
  void spend_members(size_t at, int64_t count) {
    members_ += count;
    if (members_ > bounds_.members)
      reject(at, "expected at most ", bounds_.members, " members in all sets together, found ", members_);
  }

  std::string_view text_;
  RouteBounds bounds_;
  size_t at_ = 0;
  int64_t calls_ = 0;
  int64_t members_ = 0;
  int64_t span_members_ = 0;  // of the span being read
};

}  // namespace

Route parse_route(std::string_view text, const RouteBounds& bounds) {
  return Parser(text, bounds).route();
}

}  // namespace strata
