#include "strata/text/jinja_value.h"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/text/jinja_numbers.h"
#include "strata/text/utf8.h"

namespace strata::jinja {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

// Equal keys, and only they, have the same name: 1, 1.0 and true are one key, as in Python.
std::string key_name(const Value& key) {
  if (key.text()) return "s" + *key.text();
  if (key.is_none()) return "n";
  if (key.is_integer()) return "i" + std::to_string(key.as_integer());
  if (key.is_number()) {
    const double number = key.as_number();
    if (number == std::floor(number) && number >= -0x1p63 && number < 0x1p63)
      return "i" + std::to_string(static_cast<int64_t>(number));
    return "f" + print_float(number);
  }
  fail("expected a text or number as a key, found ", type_name(key));
}

Utf8Step step(std::string_view text, size_t at) {
  return utf8_step(text.data() + at, text.data() + text.size());
}

// A byte that is no UTF-8 stands for itself, and for no character that anyone looks for.
char32_t code_point(std::string_view character) {
  const Utf8Step first = step(character, 0);
  return first.valid() ? first.point : kReplacementCharacter;
}

// As Python has it: no control or format characters, nothing unassigned or private, no white space but the blank.
bool is_printable(uint32_t code) {
  constexpr uint32_t others = U_GC_C_MASK | U_GC_Z_MASK;
  return code == ' ' || (U_GET_GC_MASK(static_cast<UChar32>(code)) & others) == 0;
}

std::string text_repr(const std::string& text) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const Utf8Step next = step(text, at);
    const std::string_view character = std::string_view(text).substr(at, next.bytes);
    at += next.bytes;
    const char c = character[0];
    const uint32_t code = next.point;
    if (c == quote || c == '\\')
      out.append("\\").append(1, c);
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (!next.valid() || is_printable(code))
      out += character;
    else
      out += code < 0x100     ? fmt::format("\\x{:02x}", code)
             : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                              : fmt::format("\\U{:08x}", code);
  }
  return out + quote;
}

std::string json_text(std::string_view text, bool ascii) {
  std::string out = "\"";
  for (const std::string_view character : characters(text)) {
    const char32_t code = code_point(character);
    switch (code) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (code >= 0x10000 && ascii)
          out += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + ((uint32_t{code} - 0x10000) >> 10),
                             0xdc00 + (uint32_t{code} & 0x3ff));
        else if (code < 0x20 || (code > 0x7e && ascii))
          out += fmt::format("\\u{:04x}", uint32_t{code});
        else
          out += character;
    }
  }
  return out + '"';
}

class JsonPrinter {
 public:
  explicit JsonPrinter(const JsonStyle& style) : style_(style) {}

  void print(const Value& value, int level) {
    if (value.is_none()) {
      out += "null";
    } else if (value.boolean()) {
      out += *value.boolean() ? "true" : "false";
    } else if (value.is_integer()) {
      out += std::to_string(value.as_integer());
    } else if (value.is_number()) {
      const double number = value.as_number();
      out += std::isnan(number)   ? "NaN"
             : std::isinf(number) ? (number > 0 ? "Infinity" : "-Infinity")
                                  : print_float(number);
    } else if (value.text()) {
      out += json_text(*value.text(), style_.ascii);
    } else if (value.list()) {
      const auto& items = value.list()->items;
      open('[', items.empty(), level);
      for (size_t i = 0; i < items.size(); ++i) {
        separate(i, level);
        print(items[i], level + 1);
      }
      close(']', items.empty(), level);
    } else if (value.dict()) {
      print_dict(*value.dict(), level);
    } else {
      fail("tojson: expected plain data, found ", type_name(value));
    }
  }

  std::string out;

 private:
  void print_dict(const Dict& dict, int level) {
    std::vector<const std::pair<Value, Value>*> items;
    items.reserve(dict.items.size());
    for (const auto& item : dict.items) items.push_back(&item);
    if (style_.sort_keys)
      std::sort(items.begin(), items.end(),
                [](const auto* a, const auto* b) { return compare(a->first, b->first, true) < 0; });
    open('{', items.empty(), level);
    for (size_t i = 0; i < items.size(); ++i) {
      separate(i, level);
      const Value& key = items[i]->first;
      if (key.text()) {
        out += json_text(*key.text(), style_.ascii);
      } else {
        out += '"';
        print(key, 0);
        out += '"';
      }
      out += style_.key_separator;
      print(items[i]->second, level + 1);
    }
    close('}', items.empty(), level);
  }

  void new_line(int level) {
    if (!style_.indent) return;
    out += '\n';
    for (int i = 0; i < level; ++i) out += *style_.indent;
  }
  void open(char bracket, bool empty, int level) {
    out += bracket;
    if (!empty) new_line(level + 1);
  }
  void separate(size_t i, int level) {
    if (i == 0) return;
    out += style_.item_separator;
    new_line(level + 1);
  }
  void close(char bracket, bool empty, int level) {
    if (!empty) new_line(level);
    out += bracket;
  }

  const JsonStyle& style_;
};

int64_t sum(int64_t a, int64_t b) {
  constexpr int64_t most = int64_t{1} << 40;  // far beyond every limit on steps
  return std::min(a + b, most);
}

int checked_depth(int depth) {
  if (depth > kDeepestValue) fail("expected at most ", kDeepestValue, " lists or dicts inside each other, found more");
  return depth;
}

}  // namespace

Value Value::list(std::vector<Value> items, bool tuple) {
  int depth = 0;
  int64_t weight = 1;
  for (const Value& item : items) {
    depth = std::max(depth, item.depth());
    weight = sum(weight, item.weight());
  }
  return Value(
      Data(std::make_shared<const ListData>(ListData{std::move(items), tuple, checked_depth(depth + 1), weight})));
}

Value Value::dict(Dict dict) {
  return Value(Data(std::make_shared<const Dict>(std::move(dict))));
}

Value Value::from_json(const nlohmann::ordered_json& json) {
  switch (json.type()) {
    case nlohmann::json::value_t::boolean:
      return boolean(json.get<bool>());
    case nlohmann::json::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return number(json.get<double>());
      return integer(json.get<int64_t>());
    case nlohmann::json::value_t::number_integer:
      return integer(json.get<int64_t>());
    case nlohmann::json::value_t::number_float:
      return number(json.get<double>());
    case nlohmann::json::value_t::string:
      return text(json.get<std::string>());
    case nlohmann::json::value_t::array: {
      std::vector<Value> items;
      for (const auto& item : json) items.push_back(from_json(item));
      return list(std::move(items));
    }
    case nlohmann::json::value_t::object: {
      Dict result;
      for (const auto& [key, item] : json.items()) result.set(text(key), from_json(item));
      return dict(std::move(result));
    }
    default:
      return none();
  }
}

int64_t Value::as_integer() const {
  return boolean() ? static_cast<int64_t>(*boolean()) : std::get<int64_t>(data_);
}

double Value::as_number() const {
  return is_integer() ? static_cast<double>(as_integer()) : std::get<double>(data_);
}

int Value::depth() const {
  if (list()) return list()->depth;
  if (dict()) return dict()->depth;
  if (loop()) return loop()->list.depth() + 1;
  if (function()) return function()->self.depth() + 1;
  return 0;
}

int64_t Value::weight() const {
  if (text()) return 1 + static_cast<int64_t>(text()->size() / 64);
  if (list()) return list()->weight;
  if (dict()) return dict()->weight;
  return 1;
}

const Value* Dict::find(const Value& key) const {
  const bool can_be_key = key.text() || key.is_none() || key.is_number();
  const bool hashable = !key.dict() && !(key.list() && !key.list()->tuple);
  if (!can_be_key && hashable) return nullptr;
  const auto found = index_.find(key_name(key));
  return found == index_.end() ? nullptr : &items[found->second].second;
}

const Value* Dict::find(std::string_view key) const {
  const auto found = index_.find("s" + std::string(key));
  return found == index_.end() ? nullptr : &items[found->second].second;
}

void Dict::set(const Value& key, Value value) {
  depth = checked_depth(std::max(depth, value.depth() + 1));
  weight = sum(weight, sum(key.weight(), value.weight()));
  const auto [at, fresh] = index_.emplace(key_name(key), items.size());
  if (fresh)
    items.emplace_back(key, std::move(value));
  else
    items[at->second].second = std::move(value);
}

bool truthy(const Value& value) {
  return std::visit(Overloaded{[](const Undefined&) { return false; }, [](const None&) { return false; },
                               [](bool held) { return held; }, [](int64_t held) { return held != 0; },
                               [](double held) { return held != 0; },
                               [](const std::shared_ptr<const std::string>& held) { return !held->empty(); },
                               [](const std::shared_ptr<const ListData>& held) { return !held->items.empty(); },
                               [](const std::shared_ptr<const Dict>& held) { return !held->items.empty(); },
                               [](const auto&) { return true; }},
                    value.data());
}

std::string type_name(const Value& value) {
  return std::visit(
      Overloaded{
          [](const Undefined& held) { return "'" + held.name + "', which is undefined"; },
          [](const None&) { return std::string("none"); }, [](bool) { return std::string("a boolean"); },
          [](int64_t) { return std::string("an integer"); }, [](double) { return std::string("a number"); },
          [](const std::shared_ptr<const std::string>&) { return std::string("a text"); },
          [](const std::shared_ptr<const ListData>& held) { return std::string(held->tuple ? "a tuple" : "a list"); },
          [](const std::shared_ptr<const Dict>&) { return std::string("a dict"); },
          [](const std::shared_ptr<Namespace>&) { return std::string("a namespace"); },
          [](const std::shared_ptr<const LoopState>&) { return std::string("a loop"); },
          [](const std::shared_ptr<const Function>& held) { return "the function " + held->name; }},
      value.data());
}

std::string print_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 64> buffer{};
  const double size = std::abs(value);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e16);
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer.data(), end.ptr);
  if (plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string repr(const Value& value) {
  if (value.text()) return text_repr(*value.text());
  if (value.is_undefined()) return "Undefined";
  return to_text(value);
}

std::string to_text(const Value& value) {
  if (value.is_undefined()) return "";
  if (value.is_none()) return "None";
  if (value.boolean()) return *value.boolean() ? "True" : "False";
  if (value.is_integer()) return std::to_string(value.as_integer());
  if (value.is_number()) return print_float(value.as_number());
  if (value.text()) return *value.text();
  if (const ListData* list = value.list()) {
    std::string out = list->tuple ? "(" : "[";
    for (size_t i = 0; i < list->items.size(); ++i) out += (i > 0 ? ", " : "") + repr(list->items[i]);
    if (list->tuple && list->items.size() == 1) out += ',';
    return out + (list->tuple ? ")" : "]");
  }
  if (const Dict* dict = value.dict()) {
    std::string out = "{";
    for (size_t i = 0; i < dict->items.size(); ++i)
      out += (i > 0 ? ", " : "") + repr(dict->items[i].first) + ": " + repr(dict->items[i].second);
    return out + "}";
  }
  fail("expected something that can be printed, found ", type_name(value));
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return compare(a, b) == 0;
  if (a.text() && b.text()) return *a.text() == *b.text();
  if (a.list() && b.list())
    return a.list()->tuple == b.list()->tuple && std::equal(a.list()->items.begin(), a.list()->items.end(),
                                                            b.list()->items.begin(), b.list()->items.end(), equal);
  if (a.dict() && b.dict()) {
    if (a.dict()->items.size() != b.dict()->items.size()) return false;
    return std::all_of(a.dict()->items.begin(), a.dict()->items.end(), [&](const auto& item) {
      const Value* other = b.dict()->find(item.first);
      return other && equal(item.second, *other);
    });
  }
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.space() || b.space()) return a.space() == b.space();
  return false;
}

std::partial_ordering compare(const Value& a, const Value& b, bool nan_is_largest) {
  if (a.is_number() && b.is_number()) {
    const auto is_nan = [](const Value& value) { return !value.is_integer() && std::isnan(value.as_number()); };
    if (nan_is_largest && (is_nan(a) || is_nan(b))) return is_nan(a) <=> is_nan(b);
    if (a.is_integer() && b.is_integer()) return a.as_integer() <=> b.as_integer();
    if (a.is_integer()) return compare_exactly(a.as_integer(), b.as_number());
    if (b.is_integer()) return 0 <=> compare_exactly(b.as_integer(), a.as_number());
    return a.as_number() <=> b.as_number();
  }
  if (a.text() && b.text()) return *a.text() <=> *b.text();
  if (a.list() && b.list() && a.list()->tuple == b.list()->tuple) {
    const auto &x = a.list()->items, &y = b.list()->items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (equal(x[i], y[i])) continue;
      if (const auto order = compare(x[i], y[i], nan_is_largest); order != 0) return order;
    }
    return x.size() <=> y.size();
  }
  fail("expected two numbers or two texts to compare, found ", type_name(a), " and ", type_name(b));
}

std::string to_json(const Value& value, const JsonStyle& style) {
  JsonPrinter printer(style);
  printer.print(value, 0);
  return std::move(printer.out);
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> result;
  for (size_t at = 0; at < text.size(); at += result.back().size())
    result.push_back(text.substr(at, step(text, at).bytes));
  return result;
}

size_t character_offset(std::string_view text, int64_t index) {
  size_t at = 0;
  for (; index > 0 && at < text.size(); --index) at += step(text, at).bytes;
  return at;
}

std::string_view last_character(std::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && text.size() - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) --begin;
  if (step(text, begin).bytes != text.size() - begin) begin = text.size() - 1;
  return text.substr(begin);
}

bool is_space(std::string_view character) {
  const char32_t code = code_point(character);
  return (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x20) || code == 0x85 || code == 0xa0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f ||
         code == 0x205f || code == 0x3000;
}

size_t leading_space(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = step(text, at).bytes;
    if (!is_space(text.substr(at, length))) break;
    at += length;
  }
  return at;
}

size_t trailing_space(std::string_view text) {
  std::string_view left = text;
  while (!left.empty() && is_space(last_character(left))) left.remove_suffix(last_character(left).size());
  return text.size() - left.size();
}

}  // namespace strata::jinja
