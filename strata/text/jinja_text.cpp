#include "strata/text/jinja_text.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "strata/base/error.h"
#include "strata/text/utf8.h"

namespace strata::jinja {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Of no class where it is no UTF-8.
UChar32 code_point(std::string_view character) {
  const Utf8Step step = utf8_step(character.data(), character.data() + character.size());
  return step.valid() ? static_cast<UChar32>(step.point) : U_SENTINEL;
}
bool is_cased(std::string_view character) {
  return u_hasBinaryProperty(code_point(character), UCHAR_CASED);
}

// Whether a letter is of one case, and none of the other or a title.
bool all_cased(std::string_view text, UProperty wanted, UProperty other) {
  bool any = false;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const Utf8Step step = utf8_step(at, end);
    at += step.bytes;
    const UChar32 code = step.valid() ? static_cast<UChar32>(step.point) : U_SENTINEL;
    if (u_hasBinaryProperty(code, other) || u_istitle(code)) return false;
    any = any || u_hasBinaryProperty(code, wanted);
  }
  return any;
}

// The case mappings of Unicode in full (an s of ß becomes two, a sigma looks at what is around it), of no language.
using CaseMapping = void (*)(icu::StringPiece text, icu::ByteSink& sink, UErrorCode& status);
std::string mapped(std::string_view text, CaseMapping mapping) {
  if (text.size() > std::numeric_limits<int32_t>::max() / 4)
    fail("expected a text of at most 512 MiB to change the case of, found ", text.size(), " bytes");
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = U_ZERO_ERROR;
  mapping(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, status);
  if (U_FAILURE(status)) fail("changing the case of ", text.size(), " bytes failed: ", u_errorName(status));
  return out;
}

// How one character begins a word: not always in upper case.
std::string title_character(std::string_view character) {
  return mapped(character, [](icu::StringPiece text, icu::ByteSink& sink, UErrorCode& status) {
    icu::CaseMap::utf8ToTitle("", U_TITLECASE_WHOLE_STRING | U_TITLECASE_NO_BREAK_ADJUSTMENT, nullptr, text, sink,
                              nullptr, status);
  });
}

// The first character as a title, the others in lower case.
std::string title_word(std::string_view word) {
  if (word.empty()) return "";
  const std::string_view first = word.substr(0, character_offset(word, 1));
  return title_character(first) + lower(word).substr(lower(first).size());
}

const std::string& text_argument(const Value& value, std::string_view method) {
  if (!value.text()) fail(method, ": expected a text, found ", type_name(value));
  return *value.text();
}

int64_t integer_argument(const Value* value, int64_t fallback, std::string_view method) {
  return value ? integer_of(*value, method) : fallback;
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

std::string reversed(std::string_view text) {
  return {text.rbegin(), text.rend()};
}

// The last place where `what` stands; found from the end, so that it takes no longer than from the begin.
size_t find_last(std::string_view text, std::string_view what) {
  const size_t at = find_text(reversed(text), reversed(what), 0);
  return at == std::string_view::npos ? at : text.size() - at - what.size();
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator, int64_t most) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  while (most < 0 || std::ssize(parts) < most) {
    const size_t at = find_text(text, separator, begin);
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(begin, at - begin));
    begin = at + separator.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::vector<std::string_view> split_at_from_right(std::string_view text, std::string_view separator, int64_t most) {
  const std::string mirrored = reversed(text);
  auto parts = split_at(mirrored, reversed(separator), most);
  std::reverse(parts.begin(), parts.end());
  for (auto& part : parts) {
    const auto end = static_cast<size_t>(part.data() + part.size() - mirrored.data());
    part = text.substr(text.size() - end, part.size());
  }
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
    parts = from_right ? split_at_from_right(self, by, most) : split_at(self, by, most);
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
  if (what.empty()) return utf8_length(text) + 1;
  int64_t count = 0;
  for (size_t at = find_text(text, what, 0); at != std::string_view::npos; at = find_text(text, what, at + what.size()))
    ++count;
  return count;
}

// What the arguments start and end, counted in characters, leave of a text; nothing when start lies behind end.
struct Part {
  std::string_view text;
  int64_t start = 0;
};
std::optional<Part> part_of(std::string_view text, const Arguments& arguments, std::string_view method) {
  const auto bound = [&](size_t position) -> std::optional<int64_t> {
    const Value* value = arguments.get(position, "");
    if (!value || value->is_none()) return std::nullopt;
    return integer_argument(value, 0, method);
  };
  const auto first = bound(1), last = bound(2);
  if (!first && !last) return Part{text};
  const int64_t size = utf8_length(text);
  const auto place = [&](int64_t at) { return std::max<int64_t>(at < 0 ? at + size : at, 0); };
  const int64_t start = place(first.value_or(0)), end = std::min(place(last.value_or(size)), size);
  if (start > end) return std::nullopt;
  text = text.substr(0, character_offset(text, end));
  return Part{text.substr(character_offset(text, start)), start};
}

Value position_of(std::string_view self, std::string_view what, const Arguments& arguments, bool last) {
  const auto part = part_of(self, arguments, last ? "rfind" : "find");
  if (!part) return Value::integer(-1);
  const size_t at = last ? find_last(part->text, what) : find_text(part->text, what, 0);
  if (at == std::string_view::npos) return Value::integer(-1);
  return Value::integer(part->start + utf8_length(part->text.substr(0, at)));
}

constexpr std::array kMethods = std::to_array<Signature>({{"strip", "-"},
                                                          {"lstrip", "-"},
                                                          {"rstrip", "-"},
                                                          {"split", "sep maxsplit"},
                                                          {"rsplit", "sep maxsplit"},
                                                          {"splitlines", "keepends"},
                                                          {"startswith", "- - -"},
                                                          {"endswith", "- - -"},
                                                          {"upper", ""},
                                                          {"lower", ""},
                                                          {"title", ""},
                                                          {"capitalize", ""},
                                                          {"replace", "- - count"},
                                                          {"find", "- - -"},
                                                          {"rfind", "- - -"},
                                                          {"count", "- - -"},
                                                          {"join", "-"},
                                                          {"format", "*"},
                                                          {"isdigit", ""},
                                                          {"isdecimal", ""},
                                                          {"isnumeric", ""},
                                                          {"isalpha", ""},
                                                          {"isalnum", ""},
                                                          {"isspace", ""},
                                                          {"isupper", ""},
                                                          {"islower", ""},
                                                          {"removeprefix", "-"},
                                                          {"removesuffix", "-"}});

Value test_characters(const std::string& self, const std::string& name) {
  if (name == "isupper") return Value::boolean(is_upper(self));
  if (name == "islower") return Value::boolean(is_lower(self));
  if (self.empty()) return Value::boolean(false);
  if (name == "isspace") return Value::boolean(leading_space(self) == self.size());
  const auto holds = [&](std::string_view character) {
    const UChar32 code = code_point(character);
    const int32_t number = u_getIntPropertyValue(code, UCHAR_NUMERIC_TYPE);
    if (name == "isdecimal") return number == U_NT_DECIMAL;
    if (name == "isdigit") return number == U_NT_DECIMAL || number == U_NT_DIGIT;
    if (name == "isnumeric") return number != U_NT_NONE;
    return u_isalpha(code) || (name == "isalnum" && number != U_NT_NONE);
  };
  const auto all = characters(self);
  return Value::boolean(std::all_of(all.begin(), all.end(), holds));
}

}  // namespace

std::string upper(std::string_view text) {
  return mapped(text, [](icu::StringPiece source, icu::ByteSink& sink, UErrorCode& status) {
    icu::CaseMap::utf8ToUpper("", 0, source, sink, nullptr, status);
  });
}

std::string lower(std::string_view text) {
  return mapped(text, [](icu::StringPiece source, icu::ByteSink& sink, UErrorCode& status) {
    icu::CaseMap::utf8ToLower("", 0, source, sink, nullptr, status);
  });
}

std::string capitalised(std::string_view text) {
  return title_word(text);
}

std::string title(std::string_view text) {
  std::string out;
  size_t word = 0, at = 0;  // a word ends with the first character that has no case
  for (const std::string_view character : characters(text)) {
    at += character.size();
    if (is_cased(character)) continue;
    out += title_word(text.substr(word, at - word));
    word = at;
  }
  return out + title_word(text.substr(word));
}

bool is_upper(std::string_view text) {
  return all_cased(text, UCHAR_UPPERCASE, UCHAR_LOWERCASE);
}

bool is_lower(std::string_view text) {
  return all_cased(text, UCHAR_LOWERCASE, UCHAR_UPPERCASE);
}

std::string_view stripped(std::string_view text, const std::string* marks, bool left, bool right) {
  if (!marks) {
    if (left) text.remove_prefix(leading_space(text));
    if (right) text.remove_suffix(trailing_space(text));
    return text;
  }
  auto set = characters(*marks);
  std::sort(set.begin(), set.end());
  const auto in_set = [&](std::string_view character) { return std::binary_search(set.begin(), set.end(), character); };
  while (left && !text.empty() && in_set(text.substr(0, character_offset(text, 1))))
    text.remove_prefix(character_offset(text, 1));
  while (right && !text.empty() && in_set(last_character(text))) text.remove_suffix(last_character(text).size());
  return text;
}

size_t find_text(std::string_view text, std::string_view what, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  const void* found = memmem(text.data() + from, text.size() - from, what.data(), what.size());
  return found ? static_cast<size_t>(static_cast<const char*>(found) - text.data()) : std::string_view::npos;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to, int64_t most, Meter& meter) {
  std::string out;
  if (from.empty()) {
    // Before every character, and at the end.
    size_t at = 0;
    for (; most != 0; --most) {
      meter.charge(1 + static_cast<int64_t>(to.size() / 64));
      out += to;
      if (at == text.size()) break;
      const size_t length = character_offset(text.substr(at), 1);
      out += text.substr(at, length);
      at += length;
    }
    return out.append(text.substr(at));
  }
  for (size_t at = 0;;) {
    const size_t found = most == 0 ? std::string_view::npos : find_text(text, from, at);
    if (found == std::string_view::npos) return out.append(text.substr(at));
    meter.charge(1 + static_cast<int64_t>((found - at + to.size()) / 64));
    out.append(text.substr(at, found - at)).append(to);
    at = found + from.size();
    --most;
  }
}

std::vector<std::string_view> lines_of(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  const auto marks = characters(text);
  constexpr std::array<std::string_view, 10> ends = {"\n",   "\r",   "\v",     "\f",     "\x1c",
                                                     "\x1d", "\x1e", "\u0085", "\u2028", "\u2029"};
  for (size_t i = 0; i < marks.size(); ++i) {
    if (std::find(ends.begin(), ends.end(), marks[i]) == ends.end()) continue;
    const auto end = static_cast<size_t>(marks[i].data() - text.data());
    if (marks[i] == "\r" && i + 1 < marks.size() && marks[i + 1] == "\n") ++i;
    const size_t next = static_cast<size_t>(marks[i].data() - text.data()) + marks[i].size();
    lines.push_back(text.substr(begin, (keep_ends ? next : end) - begin));
    begin = next;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

const Signature* text_method(std::string_view name) {
  return entry_of(kMethods, name);
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
    const std::string_view rest = stripped(self, marks, name != "rstrip", name != "lstrip");
    meter.charge(static_cast<int64_t>((self.size() - rest.size()) / 4));
    return Value::text(std::string(rest));
  }
  if (name == "split" || name == "rsplit") return split(self, arguments, meter, name == "rsplit");
  if (name == "splitlines") {
    std::vector<Value> lines;
    meter.charge(static_cast<int64_t>(self.size()));
    const Value* keep = arguments.get(0, "keepends");
    for (const auto line : lines_of(self, keep && truthy(*keep))) lines.push_back(Value::text(std::string(line)));
    return Value::list(std::move(lines));
  }
  if (name == "startswith" || name == "endswith") {
    const auto part = part_of(self, arguments, name);
    meter.charge(needed().weight());
    return Value::boolean(any_text(needed(), name, [&](const std::string& text) {
      return part && (name == "startswith" ? part->text.starts_with(text) : part->text.ends_with(text));
    }));
  }
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
  if (name == "find" || name == "rfind")
    return position_of(self, text_argument(needed(), name), arguments, name == "rfind");
  if (name == "count") {
    const std::string& what = text_argument(needed(), name);
    const auto part = part_of(self, arguments, name);
    return Value::integer(part ? count_of(part->text, what) : 0);
  }
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
