#include "strata/text/jinja_text.h"

#include <algorithm>
#include <array>
#include <utility>

#include "strata/base/error.h"

namespace strata::jinja {
namespace {

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_letter(char c) {
  return is_upper(c) || is_lower(c) || static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char to_upper(char c) {
  return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
}
char to_lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

const std::string& text_argument(const Value& value, std::string_view method) {
  if (!value.text()) fail(method, ": expected a text, found ", type_name(value));
  return *value.text();
}

int64_t integer_argument(const Value* value, int64_t fallback, std::string_view method) {
  if (!value) return fallback;
  if (!value->is_integer()) fail(method, ": expected a whole number, found ", type_name(*value));
  return value->as_integer();
}

// A text or a tuple of them, as startswith takes.
template <class Predicate>
bool any_text(const Value& value, std::string_view method, Predicate predicate) {
  if (!value.list()) return predicate(text_argument(value, method));
  const auto& items = value.list()->items;
  return std::any_of(items.begin(), items.end(),
                     [&](const Value& item) { return predicate(text_argument(item, method)); });
}

// Words between white space; beyond `most` splits, the rest stays one piece.
std::vector<std::string_view> split_at_space(std::string_view text, int64_t most, bool from_right) {
  std::vector<std::string_view> words;
  bool inside = false;
  for (const std::string_view character : characters(text)) {
    if (is_space(character)) {
      inside = false;
    } else if (std::exchange(inside, true)) {
      words.back() = {words.back().data(), words.back().size() + character.size()};
    } else {
      words.push_back(character);
    }
  }
  if (most < 0 || std::ssize(words) <= most + 1) return words;
  if (from_right) {
    const std::string_view last = words[words.size() - static_cast<size_t>(most) - 1];
    std::vector<std::string_view> parts = {
        text.substr(0, static_cast<size_t>(last.data() + last.size() - text.data()))};
    parts.insert(parts.end(), words.end() - most, words.end());
    return parts;
  }
  const char* const rest = words[static_cast<size_t>(most)].data();
  words.resize(static_cast<size_t>(most));
  words.push_back(text.substr(static_cast<size_t>(rest - text.data())));
  return words;
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator, int64_t most,
                                       bool from_right) {
  std::vector<std::string_view> parts;
  while (most < 0 || std::ssize(parts) < most) {
    const size_t at = from_right ? text.rfind(separator) : text.find(separator);
    if (at == std::string_view::npos) break;
    parts.push_back(from_right ? text.substr(at + separator.size()) : text.substr(0, at));
    text = from_right ? text.substr(0, at) : text.substr(at + separator.size());
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

Value split(const std::string& self, const Arguments& arguments, Meter& meter, bool from_right) {
  const Value* separator = arguments.get(0, "sep");
  const int64_t most = integer_argument(arguments.get(1, "maxsplit"), -1, "split");
  std::vector<std::string_view> parts;
  if (!separator || separator->is_none()) {
    parts = split_at_space(self, most, from_right);
  } else {
    const std::string& by = text_argument(*separator, "split");
    if (by.empty()) fail("split: expected a text to split at, found an empty one");
    parts = split_at(self, by, most, from_right);
  }
  meter.charge(std::ssize(parts) + static_cast<int64_t>(self.size() / 64));
  std::vector<Value> values;
  values.reserve(parts.size());
  for (const auto part : parts) values.push_back(Value::text(std::string(part)));
  return Value::list(std::move(values));
}

// {} {0} {name} and doubled braces.
std::string brace_format(const std::string& format, const Arguments& arguments, Meter& meter) {
  std::string out;
  size_t next = 0;
  for (size_t at = 0; at < format.size(); ++at) {
    const char c = format[at];
    if ((c == '{' || c == '}') && at + 1 < format.size() && format[at + 1] == c) {
      out += c;
      ++at;
    } else if (c == '{') {
      const size_t end = format.find('}', at);
      if (end == std::string::npos) fail("format: a { has no }");
      const std::string field = format.substr(at + 1, end - at - 1);
      const bool number = !field.empty() && field.size() < 4 && std::all_of(field.begin(), field.end(), is_digit);
      if (field.find_first_of(":!.[") != std::string::npos)
        fail("format: expected {}, {0} or {name}, found {", field.substr(0, 40), "}");
      const size_t position = number ? static_cast<size_t>(std::stoi(field)) : field.empty() ? next++ : SIZE_MAX;
      const Value* value = arguments.get(position, field);
      if (!value) fail("format: expected an argument for {", field.substr(0, 40), "}");
      meter.charge(value->weight());
      out += to_text(*value);
      at = end;
    } else if (c == '}') {
      fail("format: a } has no {");
    } else {
      out += c;
    }
  }
  return out;
}

int64_t count_of(std::string_view text, std::string_view what) {
  if (what.empty()) return std::ssize(characters(text)) + 1;
  int64_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

constexpr std::array kMethods = std::to_array<std::string_view>(
    {"strip",    "lstrip",  "rstrip",  "split",   "rsplit",     "splitlines",   "startswith",
     "endswith", "upper",   "lower",   "title",   "capitalize", "replace",      "find",
     "rfind",    "count",   "join",    "format",  "isdigit",    "isdecimal",    "isnumeric",
     "isalpha",  "isalnum", "isspace", "isupper", "islower",    "removeprefix", "removesuffix"});

Value test_characters(const std::string& self, const std::string& name) {
  const auto all = [&](auto predicate) {
    return Value::boolean(!self.empty() && std::all_of(self.begin(), self.end(), predicate));
  };
  if (name == "isdigit" || name == "isdecimal" || name == "isnumeric") return all(is_digit);
  if (name == "isalpha") return all(is_letter);
  if (name == "isalnum") return all([](char c) { return is_letter(c) || is_digit(c); });
  if (name == "isspace") return Value::boolean(!self.empty() && leading_space(self) == self.size());
  const bool want_upper = name == "isupper";
  return Value::boolean(std::any_of(self.begin(), self.end(), want_upper ? is_upper : is_lower) &&
                        std::none_of(self.begin(), self.end(), want_upper ? is_lower : is_upper));
}

}  // namespace

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_upper);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_lower);
  return out;
}

std::string capitalised(std::string_view text) {
  std::string out = lower(text);
  if (!out.empty()) out[0] = to_upper(out[0]);
  return out;
}

std::string title(std::string_view text) {
  std::string out(text);
  bool inside = false;
  for (char& c : out) {
    c = inside ? to_lower(c) : to_upper(c);
    inside = is_letter(c);
  }
  return out;
}

std::string_view stripped(std::string_view text, const std::string* marks, bool left, bool right) {
  if (!marks) {
    if (left) text.remove_prefix(leading_space(text));
    if (right) text.remove_suffix(trailing_space(text));
    return text;
  }
  const auto set = characters(*marks);
  const auto in_set = [&](std::string_view character) {
    return std::find(set.begin(), set.end(), character) != set.end();
  };
  const auto all = characters(text);
  size_t first = 0, last = all.size();
  while (left && first < last && in_set(all[first])) ++first;
  while (right && last > first && in_set(all[last - 1])) --last;
  if (first == last) return {};
  return text.substr(static_cast<size_t>(all[first].data() - text.data()),
                     static_cast<size_t>(all[last - 1].data() - all[first].data()) + all[last - 1].size());
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to, int64_t most, Meter& meter) {
  std::string out;
  if (from.empty()) {
    // Between all characters, and at both ends.
    int64_t left = most;
    for (const auto character : characters(text)) {
      meter.charge(1 + static_cast<int64_t>(to.size() / 64));
      if (left-- != 0) out += to;
      out += character;
    }
    if (left != 0) out += to;
    return out;
  }
  for (size_t at = 0;;) {
    const size_t found = most == 0 ? std::string_view::npos : text.find(from, at);
    if (found == std::string_view::npos) return out.append(text.substr(at));
    meter.charge(1 + static_cast<int64_t>((found - at + to.size()) / 64));
    out.append(text.substr(at, found - at)).append(to);
    at = found + from.size();
    --most;
  }
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  const auto marks = characters(text);
  constexpr std::array<std::string_view, 10> ends = {"\n",   "\r",   "\v",     "\f",     "\x1c",
                                                     "\x1d", "\x1e", "\u0085", "\u2028", "\u2029"};
  for (size_t i = 0; i < marks.size(); ++i) {
    if (std::find(ends.begin(), ends.end(), marks[i]) == ends.end()) continue;
    lines.push_back(text.substr(begin, static_cast<size_t>(marks[i].data() - text.data()) - begin));
    if (marks[i] == "\r" && i + 1 < marks.size() && marks[i + 1] == "\n") ++i;
    begin = static_cast<size_t>(marks[i].data() - text.data()) + marks[i].size();
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

bool has_text_method(std::string_view name) {
  return std::find(kMethods.begin(), kMethods.end(), name) != kMethods.end();
}

Value call_text_method(const std::string& self, const std::string& name, const Arguments& arguments, Meter& meter) {
  meter.charge(1 + static_cast<int64_t>(self.size() / 64));
  const Value* first = arguments.get(0, "");
  const auto needed = [&]() -> const Value& {
    if (!first) fail(name, ": expected an argument, found none");
    return *first;
  };
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    const std::string* marks = first && !first->is_none() ? &text_argument(*first, name) : nullptr;
    if (marks) meter.charge(static_cast<int64_t>(marks->size()));
    return Value::text(std::string(stripped(self, marks, name != "rstrip", name != "lstrip")));
  }
  if (name == "split" || name == "rsplit") return split(self, arguments, meter, name == "rsplit");
  if (name == "splitlines") {
    std::vector<Value> lines;
    meter.charge(static_cast<int64_t>(self.size()));
    for (const auto line : lines_of(self)) lines.push_back(Value::text(std::string(line)));
    return Value::list(std::move(lines));
  }
  if (name == "startswith")
    return Value::boolean(any_text(needed(), name, [&](const std::string& text) { return self.starts_with(text); }));
  if (name == "endswith")
    return Value::boolean(any_text(needed(), name, [&](const std::string& text) { return self.ends_with(text); }));
  if (name == "upper") return Value::text(upper(self));
  if (name == "lower") return Value::text(lower(self));
  if (name == "title") return Value::text(title(self));
  if (name == "capitalize") return Value::text(capitalised(self));
  if (name == "replace") {
    const Value* to = arguments.get(1, "new");
    if (!to) fail("replace: expected a text to find and one to put there");
    return Value::text(replaced(self, text_argument(needed(), name), text_argument(*to, name),
                                integer_argument(arguments.get(2, "count"), -1, name), meter));
  }
  if (name == "find" || name == "rfind") {
    const std::string& what = text_argument(needed(), name);
    const size_t at = name == "find" ? self.find(what) : self.rfind(what);
    if (at == std::string::npos) return Value::integer(-1);
    return Value::integer(std::ssize(characters(std::string_view(self).substr(0, at))));
  }
  if (name == "count") return Value::integer(count_of(self, text_argument(needed(), name)));
  if (name == "join") {
    std::string out;
    bool begun = false;
    for (const Value& item : iterate(needed(), meter)) {
      meter.charge(item.weight() + static_cast<int64_t>(self.size() / 64));
      if (std::exchange(begun, true)) out += self;
      out += text_argument(item, name);
    }
    return Value::text(std::move(out));
  }
  if (name == "format") return Value::text(brace_format(self, arguments, meter));
  if (name == "removeprefix" || name == "removesuffix") {
    const std::string& what = text_argument(needed(), name);
    if (name == "removeprefix") return Value::text(self.starts_with(what) ? self.substr(what.size()) : self);
    return Value::text(self.ends_with(what) ? self.substr(0, self.size() - what.size()) : self);
  }
  return test_characters(self, name);
}

}  // namespace strata::jinja
