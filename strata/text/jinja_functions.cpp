#include "strata/text/jinja_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <utility>

#include "strata/base/error.h"
#include "strata/text/jinja_text.h"

namespace strata::jinja {
namespace {

constexpr std::array kDictMethods = std::to_array<std::string_view>({"keys", "values", "items", "get"});
constexpr std::array kGlobals =
    std::to_array<std::string_view>({"range", "namespace", "dict", "raise_exception", "strftime_now"});

template <size_t N>
bool among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

int64_t integer_of(const Value& value, std::string_view who) {
  if (!value.is_integer()) fail(who, ": expected a whole number, found ", type_name(value));
  return value.as_integer();
}
const std::string& text_of(const Value& value, std::string_view who) {
  if (!value.text()) fail(who, ": expected a text, found ", type_name(value));
  return *value.text();
}
bool flag_of(const Value* value) {
  return value && truthy(*value);
}

// "a.b.0" looks into dicts and lists step by step.
Value path_of(const Value& value, const Value& path) {
  if (!path.text()) return item(value, path);
  Value at = value;
  const std::string& text = *path.text();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const bool number = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    if (at.is_undefined()) return at;
    at = item(at, number ? Value::integer(std::stoll(part)) : Value::text(part));
    begin = end + 1;
  }
  return at;
}

Value folded(const Value& value) {
  return value.text() ? Value::text(lower(*value.text())) : value;
}

std::string indented(const std::string& text, const Arguments& arguments, Meter& meter) {
  std::string indent(4, ' ');
  if (const Value* width = arguments.get(0, "width")) {
    if (width->text())
      indent = *width->text();
    else
      indent = std::string(static_cast<size_t>(std::clamp<int64_t>(integer_of(*width, "indent"), 0, 1000)), ' ');
  }
  const bool first = flag_of(arguments.get(1, "first")), blank = flag_of(arguments.get(2, "blank"));
  std::string out = first ? indent : "";
  for (size_t begin = 0;;) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    meter.charge(1 + static_cast<int64_t>((end - begin + indent.size()) / 64));
    if (begin > 0 && (blank || end > begin)) out += indent;
    out.append(text, begin, end - begin);
    if (end == text.size()) return out;
    out += '\n';
    begin = end + 1;
  }
}

std::string escaped(std::string_view text, Meter& meter) {
  std::string out;
  meter.charge(static_cast<int64_t>(text.size() / 16));
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// Jinja's own title: words begin after white space and opening brackets only.
std::string titled(std::string_view text) {
  std::string out = lower(text);
  bool begins = true;
  for (char& c : out) {
    if (begins) c = upper(std::string_view(&c, 1))[0];
    begins = c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || is_space({&c, 1});
  }
  return out;
}

Value as_json(const Value& value, const Arguments& arguments, Meter& meter) {
  constexpr int64_t kWidest = 64;
  JsonStyle style;
  // Named as in transformers: tojson(x, ensure_ascii, indent, separators, sort_keys).
  style.ascii = flag_of(arguments.get(0, "ensure_ascii"));
  const Value* indent = arguments.get(1, "indent");
  if (indent && !indent->is_none()) {
    const int64_t width = integer_of(*indent, "tojson");
    if (width < 0 || width > kWidest) fail("tojson: expected an indent from 0 to ", kWidest, ", found ", width);
    style.indent = static_cast<int>(width);
    style.item_separator = ",";
  }
  if (const Value* separators = arguments.get(2, "separators"); separators && !separators->is_none()) {
    const ListData* list = separators->list();
    if (!list || list->items.size() != 2) fail("tojson: expected two separators, found ", type_name(*separators));
    style.item_separator = text_of(list->items[0], "tojson");
    style.key_separator = text_of(list->items[1], "tojson");
    if (style.item_separator.size() + style.key_separator.size() > kWidest)
      fail("tojson: expected separators of at most ", kWidest, " bytes together");
  }
  style.sort_keys = flag_of(arguments.get(3, "sort_keys"));
  meter.charge(value.weight() * (style.indent > 0 ? 4 : 2));
  return Value::text(to_json(value, style));
}

Value to_integer(const Value& value, const Value& fallback) {
  if (value.is_integer()) return Value::integer(value.as_integer());
  if (value.is_number()) {
    const double number = value.as_number();
    return std::abs(number) < 9e18 ? Value::integer(static_cast<int64_t>(number)) : fallback;
  }
  if (!value.text()) return fallback;
  const std::string text(stripped(*value.text(), nullptr, true, true));
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(std::abs(number) < 9e18)) return fallback;
  if (text.find_first_not_of("+-0123456789") == std::string::npos) {
    errno = 0;
    const int64_t whole = std::strtoll(text.c_str(), nullptr, 10);
    return errno == 0 ? Value::integer(whole) : fallback;
  }
  return Value::integer(static_cast<int64_t>(number));
}

Value to_number(const Value& value, const Value& fallback) {
  if (value.is_number()) return Value::number(value.as_number());
  if (!value.text()) return fallback;
  const std::string text(stripped(*value.text(), nullptr, true, true));
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  return text.empty() || *end != '\0' ? fallback : Value::number(number);
}

Value rounded(const Value& value, const Arguments& arguments) {
  if (!value.is_number()) fail("round: expected a number, found ", type_name(value));
  const Value* precision = arguments.get(0, "precision");
  const Value* method = arguments.get(1, "method");
  const int64_t places = precision ? std::clamp<int64_t>(integer_of(*precision, "round"), -300, 300) : 0;
  const double scale = std::pow(10.0, static_cast<double>(places)), scaled = value.as_number() * scale;
  const std::string kind = method ? text_of(*method, "round") : "common";
  if (kind == "ceil") return Value::number(std::ceil(scaled) / scale);
  if (kind == "floor") return Value::number(std::floor(scaled) / scale);
  if (kind != "common") fail("round: expected common, ceil or floor, found ", kind.substr(0, 40));
  return Value::number(std::nearbyint(scaled) / scale);
}

Value joined(const Value& value, const Arguments& arguments, Meter& meter) {
  const Value* by = arguments.get(0, "d");
  const Value* path = arguments.get(1, "attribute");
  const std::string separator = by ? to_text(*by) : "";
  std::string out;
  bool begun = false;
  for (const Value& entry : iterate(value, meter)) {
    const Value part = path ? path_of(entry, *path) : entry;
    meter.charge(part.weight() + static_cast<int64_t>(separator.size() / 64));
    if (std::exchange(begun, true)) out += separator;
    out += to_text(part);
  }
  return Value::text(std::move(out));
}

// What sort, unique, min and max order by.
std::vector<std::pair<Value, Value>> keyed(const Value& value, const Value* path, bool case_sensitive, Meter& meter) {
  std::vector<std::pair<Value, Value>> result;
  for (Value& entry : iterate(value, meter)) {
    Value key = path && !path->is_none() ? path_of(entry, *path) : entry;
    if (!case_sensitive) key = folded(key);
    meter.charge(key.weight() * 16);  // it is compared about so often
    result.emplace_back(std::move(key), std::move(entry));
  }
  return result;
}

Value list_of(std::vector<std::pair<Value, Value>> entries) {
  std::vector<Value> items;
  items.reserve(entries.size());
  for (auto& entry : entries) items.push_back(std::move(entry.second));
  return Value::list(std::move(items));
}

// By key; those of equal keys stay in their order, also in reverse.
Value in_order(std::vector<std::pair<Value, Value>> entries, bool reverse) {
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const int sign = compare(entries[a].first, entries[b].first) * (reverse ? -1 : 1);
    return sign != 0 ? sign < 0 : a < b;
  });
  std::vector<Value> items;
  items.reserve(order.size());
  for (const size_t i : order) items.push_back(std::move(entries[i].second));
  return Value::list(std::move(items));
}

Value sorted(const Value& value, const Arguments& arguments, Meter& meter) {
  auto entries = keyed(value, arguments.get(2, "attribute"), flag_of(arguments.get(1, "case_sensitive")), meter);
  const bool reverse = flag_of(arguments.get(0, "reverse"));
  return in_order(std::move(entries), reverse);
}

Value unique(const Value& value, const Arguments& arguments, Meter& meter) {
  const auto entries = keyed(value, arguments.get(1, "attribute"), flag_of(arguments.get(0, "case_sensitive")), meter);
  std::vector<std::pair<Value, Value>> kept;
  for (const auto& entry : entries) {
    meter.charge(std::ssize(kept) * entry.first.weight());
    if (std::none_of(kept.begin(), kept.end(), [&](const auto& old) { return equal(old.first, entry.first); }))
      kept.push_back(entry);
  }
  return list_of(std::move(kept));
}

Value extreme(const Value& value, const Arguments& arguments, Meter& meter, int sign) {
  const auto entries = keyed(value, arguments.get(1, "attribute"), flag_of(arguments.get(0, "case_sensitive")), meter);
  if (entries.empty()) return Value::undefined("the extreme of an empty list");
  const auto* best = &entries.front();
  for (const auto& entry : entries)
    if (compare(entry.first, best->first) * sign > 0) best = &entry;
  return best->second;
}

Value dict_sorted(const Value& value, const Arguments& arguments, Meter& meter) {
  if (!value.dict()) fail("dictsort: expected a dict, found ", type_name(value));
  const bool case_sensitive = flag_of(arguments.get(0, "case_sensitive")),
             reverse = flag_of(arguments.get(2, "reverse"));
  const Value* by = arguments.get(1, "by");
  const bool by_value = by && text_of(*by, "dictsort") == "value";
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [key, held] : value.dict()->items) {
    const Value& order = by_value ? held : key;
    meter.charge(order.weight() * 16);
    entries.emplace_back(case_sensitive ? order : folded(order), Value::list({key, held}, true));
  }
  return in_order(std::move(entries), reverse);
}

// map('filter', ...), map(attribute='a', default=b).
Value mapped(const Value& value, const Arguments& arguments, Meter& meter) {
  const Value* path = arguments.get(SIZE_MAX, "attribute");
  const Value* fallback = arguments.get(SIZE_MAX, "default");
  if (!path && arguments.positional.empty()) fail("map: expected the name of a filter or attribute=...");
  std::vector<Value> items;
  for (const Value& entry : iterate(value, meter)) {
    meter.charge(1);
    if (path) {
      Value found = path_of(entry, *path);
      items.push_back(found.is_undefined() && fallback ? *fallback : std::move(found));
    } else {
      items.push_back(apply_filter(text_of(arguments.positional[0], "map"), entry, arguments.after(1), meter));
    }
  }
  return Value::list(std::move(items));
}

// select, reject, selectattr, rejectattr: by truth, or by a test.
Value selected(const Value& value, const Arguments& arguments, Meter& meter, bool by_attribute, bool want) {
  const size_t first = by_attribute ? 1 : 0;
  if (by_attribute && arguments.positional.empty()) fail("selectattr: expected an attribute");
  std::vector<Value> items;
  for (const Value& entry : iterate(value, meter)) {
    meter.charge(1);
    const Value subject = by_attribute ? path_of(entry, arguments.positional[0]) : entry;
    const bool passes = arguments.positional.size() > first ? apply_test(text_of(arguments.positional[first], "select"),
                                                                         subject, arguments.after(first + 1), meter)
                                                            : truthy(subject);
    if (passes == want) items.push_back(entry);
  }
  return Value::list(std::move(items));
}

Value summed(const Value& value, const Arguments& arguments, Meter& meter) {
  const Value* path = arguments.get(0, "attribute");
  const Value* start = arguments.get(1, "start");
  int64_t whole = 0;
  double real = 0;
  bool is_real = false;
  const auto add = [&](const Value& part) {
    if (!part.is_number()) fail("sum: expected numbers, found ", type_name(part));
    real += part.as_number();
    if (!part.is_integer() || __builtin_add_overflow(whole, part.as_integer(), &whole)) is_real = true;
  };
  if (start) add(*start);
  for (const Value& entry : iterate(value, meter)) add(path && !path->is_none() ? path_of(entry, *path) : entry);
  return is_real ? Value::number(real) : Value::integer(whole);
}

Value length_of(const Value& value) {
  if (value.text()) return Value::integer(std::ssize(characters(*value.text())));
  if (value.list()) return Value::integer(std::ssize(value.list()->items));
  if (value.dict()) return Value::integer(std::ssize(value.dict()->items));
  if (value.is_undefined()) return Value::integer(0);
  fail("length: expected a text, list or dict, found ", type_name(value));
}

Value pairs_of(const Value& value, Meter& meter) {
  if (value.is_undefined()) return Value::list({});
  if (!value.dict()) fail("items: expected a dict, found ", type_name(value));
  meter.charge(std::ssize(value.dict()->items));
  std::vector<Value> pairs;
  for (const auto& [key, held] : value.dict()->items) pairs.push_back(Value::list({key, held}, true));
  return Value::list(std::move(pairs));
}

Value absolute(const Value& value) {
  if (value.is_integer() && value.as_integer() != INT64_MIN) return Value::integer(std::abs(value.as_integer()));
  if (!value.is_number()) fail("abs: expected a number, found ", type_name(value));
  return Value::number(std::abs(value.as_number()));
}

// The filters that make a text of a value's text; nothing for another name.
std::optional<Value> text_filter(const std::string& name, const Value& value, const Arguments& arguments,
                                 Meter& meter) {
  constexpr std::array known =
      std::to_array<std::string_view>({"trim", "upper", "lower", "capitalize", "title", "string", "safe", "escape", "e",
                                       "replace", "indent", "format"});
  if (!among(known, name)) return std::nullopt;
  meter.charge(value.weight());
  const std::string text = to_text(value);
  if (name == "trim") {
    const Value* marks = arguments.get(0, "chars");
    const std::string* set = marks && !marks->is_none() ? &text_of(*marks, name) : nullptr;
    return Value::text(std::string(stripped(text, set, true, true)));
  }
  if (name == "upper") return Value::text(upper(text));
  if (name == "lower") return Value::text(lower(text));
  if (name == "capitalize") return Value::text(capitalised(text));
  if (name == "title") return Value::text(titled(text));
  if (name == "escape" || name == "e") return Value::text(escaped(text, meter));
  if (name == "indent") return Value::text(indented(text, arguments, meter));
  if (name == "format") return Value::text(percent_format(text, arguments.positional, meter));
  if (name == "replace") {
    const Value *from = arguments.get(0, "old"), *to = arguments.get(1, "new"), *most = arguments.get(2, "count");
    if (!from || !to) fail("replace: expected a text to find and one to put there");
    return Value::text(
        replaced(text, to_text(*from), to_text(*to), most && !most->is_none() ? integer_of(*most, name) : -1, meter));
  }
  return Value::text(text);
}

Value make_range(const Arguments& arguments, Meter& meter) {
  if (arguments.positional.empty() || arguments.positional.size() > 3) fail("range: expected one to three numbers");
  const auto at = [&](size_t i) { return integer_of(arguments.positional[i], "range"); };
  const bool one = arguments.positional.size() == 1;
  const int64_t first = one ? 0 : at(0), last = one ? at(0) : at(1);
  const int64_t step = arguments.positional.size() == 3 ? at(2) : 1;
  if (step == 0) fail("range: expected a step other than 0");
  std::vector<Value> items;
  for (int64_t i = first; step > 0 ? i < last : i > last;) {
    meter.charge(1);
    items.push_back(Value::integer(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return Value::list(std::move(items));
}

Value make_namespace(const Arguments& arguments) {
  auto made = std::make_shared<Namespace>();
  for (const Value& from : arguments.positional) {
    if (!from.dict()) fail("namespace: expected name=value, found ", type_name(from));
    for (const auto& [key, held] : from.dict()->items) made->items.emplace_back(text_of(key, "namespace"), held);
  }
  for (const auto& [key, held] : arguments.named) made->items.emplace_back(key, held);
  return Value(Value::Data(std::move(made)));
}

Value make_dict(const Arguments& arguments) {
  Dict dict;
  for (const Value& from : arguments.positional) {
    if (from.dict()) {
      for (const auto& [key, held] : from.dict()->items) dict.set(key, held);
      continue;
    }
    if (!from.list()) fail("dict: expected a dict or a list of pairs, found ", type_name(from));
    for (const Value& pair : from.list()->items) {
      if (!pair.list() || pair.list()->items.size() != 2) fail("dict: expected pairs, found ", type_name(pair));
      dict.set(pair.list()->items[0], pair.list()->items[1]);
    }
  }
  for (const auto& [key, held] : arguments.named) dict.set(Value::text(key), held);
  return Value::dict(std::move(dict));
}

std::string formatted_time(const std::string& format, std::time_t now) {
  if (format.empty()) return "";
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 1024> buffer{};
  const size_t length =
      format.size() < buffer.size() / 4 ? std::strftime(buffer.data(), buffer.size(), format.c_str(), &local) : 0;
  if (length == 0) fail("strftime_now: expected a short format such as %d %b %Y, found ", format.substr(0, 40));
  return {buffer.data(), length};
}

bool is_case(const std::string& text, bool want_upper) {
  return want_upper ? upper(text) == text && lower(text) != text : lower(text) == text && upper(text) != text;
}

Value loop_attribute(const LoopState& loop, const std::string& name) {
  const auto& items = loop.list.list()->items;
  const int64_t size = std::ssize(items);
  if (name == "index") return Value::integer(loop.index0 + 1);
  if (name == "index0") return Value::integer(loop.index0);
  if (name == "revindex") return Value::integer(size - loop.index0);
  if (name == "revindex0") return Value::integer(size - loop.index0 - 1);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "last") return Value::boolean(loop.index0 == size - 1);
  if (name == "length") return Value::integer(size);
  if (name == "depth") return Value::integer(1);  // of recursive loops, which there are none
  if (name == "depth0") return Value::integer(0);
  if (name == "previtem" && loop.index0 > 0) return items[static_cast<size_t>(loop.index0 - 1)];
  if (name == "nextitem" && loop.index0 + 1 < size) return items[static_cast<size_t>(loop.index0 + 1)];
  return Value::undefined("loop." + name);
}

}  // namespace

void Meter::charge(int64_t steps) {
  if (steps > left_) fail("expected at most ", all_, " steps of work, found more; the template may loop without end");
  left_ -= steps;
}

const Value* Arguments::get(size_t position, std::string_view name) const {
  if (position < positional.size()) return &positional[position];
  for (const auto& [key, value] : named)
    if (key == name) return &value;
  return nullptr;
}

Arguments Arguments::after(size_t count) const {
  Arguments rest = *this;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(std::min(count, positional.size())));
  return rest;
}

Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments, Meter& meter) {
  meter.charge(1);
  if (auto text = text_filter(name, value, arguments, meter)) return *std::move(text);
  if (name == "tojson") return as_json(value, arguments, meter);
  if (name == "length" || name == "count") {
    meter.charge(value.text() ? value.weight() : 1);
    return length_of(value);
  }
  if (name == "default" || name == "d") {
    const Value* fallback = arguments.get(0, "default_value");
    const bool use = value.is_undefined() || (flag_of(arguments.get(1, "boolean")) && !truthy(value));
    return use ? (fallback ? *fallback : Value::text("")) : value;
  }
  if (name == "join") return joined(value, arguments, meter);
  if (name == "list") return Value::list(iterate(value, meter));
  if (name == "first" || name == "last") {
    const auto items = iterate(value, meter);
    if (items.empty()) return Value::undefined("the " + name + " of an empty list");
    return name == "first" ? items.front() : items.back();
  }
  if (name == "map") return mapped(value, arguments, meter);
  if (name == "select" || name == "reject") return selected(value, arguments, meter, false, name == "select");
  if (name == "selectattr" || name == "rejectattr")
    return selected(value, arguments, meter, true, name == "selectattr");
  if (name == "sort") return sorted(value, arguments, meter);
  if (name == "unique") return unique(value, arguments, meter);
  if (name == "min" || name == "max") return extreme(value, arguments, meter, name == "max" ? 1 : -1);
  if (name == "sum") return summed(value, arguments, meter);
  if (name == "reverse") {
    auto items = iterate(value, meter);
    std::reverse(items.begin(), items.end());
    if (!value.text()) return Value::list(std::move(items));
    std::string out;
    for (const Value& character : items) out += *character.text();
    return Value::text(std::move(out));
  }
  if (name == "items") return pairs_of(value, meter);
  if (name == "dictsort") return dict_sorted(value, arguments, meter);
  if (name == "int") {
    const Value* fallback = arguments.get(0, "default");
    return to_integer(value, fallback ? *fallback : Value::integer(0));
  }
  if (name == "float") {
    const Value* fallback = arguments.get(0, "default");
    return to_number(value, fallback ? *fallback : Value::number(0));
  }
  if (name == "abs") return absolute(value);
  if (name == "round") return rounded(value, arguments);
  fail("the filter '", name.substr(0, 40), "' is not known");
}

bool apply_test(const std::string& name, const Value& value, const Arguments& arguments, Meter& meter) {
  meter.charge(1);
  const auto other = [&]() -> const Value& {
    if (arguments.positional.empty()) fail("the test '", name, "': expected an argument, found none");
    return arguments.positional[0];
  };
  if (name == "defined") return !value.is_undefined();
  if (name == "undefined") return value.is_undefined();
  if (name == "none") return value.is_none();
  if (name == "string") return value.text();
  if (name == "mapping") return value.dict();
  if (name == "sequence" || name == "iterable")
    return value.text() || value.list() || value.dict() || value.is_undefined();
  if (name == "number") return value.is_number();
  if (name == "integer") return value.is_integer() && !value.boolean();
  if (name == "float") return value.is_number() && !value.is_integer();
  if (name == "boolean") return value.boolean();
  if (name == "true") return value.boolean() && *value.boolean();
  if (name == "false") return value.boolean() && !*value.boolean();
  if (name == "callable") return value.function();
  if (name == "odd") return integer_of(value, "the test odd") % 2 != 0;
  if (name == "even") return integer_of(value, "the test even") % 2 == 0;
  if (name == "divisibleby") {
    const int64_t by = integer_of(other(), "the test divisibleby");
    if (by == 0) fail("the test divisibleby: expected a number other than 0");
    return by == -1 || integer_of(value, "the test divisibleby") % by == 0;
  }
  if (name == "upper") return value.text() && is_case(*value.text(), true);
  if (name == "lower") return value.text() && is_case(*value.text(), false);
  meter.charge(value.weight());
  if (name == "eq" || name == "equalto" || name == "==") return equal(value, other());
  if (name == "ne" || name == "!=") return !equal(value, other());
  if (name == "lt" || name == "lessthan" || name == "<") return compare(value, other()) < 0;
  if (name == "le" || name == "<=") return compare(value, other()) <= 0;
  if (name == "gt" || name == "greaterthan" || name == ">") return compare(value, other()) > 0;
  if (name == "ge" || name == ">=") return compare(value, other()) >= 0;
  if (name == "in") return contains(other(), value, meter);
  if (name == "sameas") return value.data().index() == other().data().index() && equal(value, other());
  fail("the test '", name.substr(0, 40), "' is not known");
}

bool has_method(const Value& value, std::string_view name) {
  if (value.text()) return has_text_method(name);
  if (value.dict()) return among(kDictMethods, name);
  if (value.list()) return name == "index" || name == "count";
  return value.loop() && name == "cycle";
}

Value call_method(const Value& self, const std::string& name, const Arguments& arguments, Meter& meter) {
  meter.charge(1);
  if (self.text()) return call_text_method(*self.text(), name, arguments, meter);
  if (self.dict()) {
    if (name == "keys") return Value::list(iterate(self, meter));
    if (name == "items") return pairs_of(self, meter);
    if (name == "get") {
      const Value *key = arguments.get(0, "key"), *fallback = arguments.get(1, "default");
      if (!key) fail("get: expected a key, found none");
      const Value* found = self.dict()->find(*key);
      return found ? *found : fallback ? *fallback : Value::none();
    }
    meter.charge(std::ssize(self.dict()->items));
    std::vector<Value> values;
    for (const auto& [key, held] : self.dict()->items) values.push_back(held);
    return Value::list(std::move(values));
  }
  const Value* first = arguments.get(0, "");
  if (!first) fail(name, ": expected an argument, found none");
  if (self.loop()) {
    const auto& choices = arguments.positional;
    return choices[static_cast<size_t>(self.loop()->index0) % choices.size()];
  }
  const auto& items = self.list()->items;
  meter.charge(self.weight());
  const auto same = [&](const Value& other) { return equal(other, *first); };
  if (name == "count") return Value::integer(std::count_if(items.begin(), items.end(), same));
  const auto found = std::find_if(items.begin(), items.end(), same);
  if (found == items.end()) fail("index: the list does not hold the value");
  return Value::integer(found - items.begin());
}

bool is_global(std::string_view name) {
  return among(kGlobals, name);
}

Value call_global(const std::string& name, const Arguments& arguments, Meter& meter, std::time_t now) {
  meter.charge(1);
  if (name == "range") return make_range(arguments, meter);
  if (name == "namespace") return make_namespace(arguments);
  if (name == "dict") return make_dict(arguments);
  const Value* text = arguments.get(0, name == "strftime_now" ? "format" : "message");
  if (!text) fail(name, ": expected a text, found none");
  if (name == "strftime_now") return Value::text(formatted_time(text_of(*text, name), now));
  fail("the template refuses this conversation: ", to_text(*text).substr(0, 1000));
}

Value attribute(const Value& value, const std::string& name) {
  if (value.is_undefined())
    fail("'", std::get<Undefined>(value.data()).name, "' is undefined, so it has no '", name.substr(0, 80), "'");
  if (has_method(value, name))
    return Value(Value::Data(std::make_shared<const Function>(Function{name, value, nullptr, nullptr})));
  if (value.loop()) return loop_attribute(*value.loop(), name);
  if (value.dict())
    if (const Value* found = value.dict()->find(name)) return *found;
  if (value.space())
    for (auto entry = value.space()->items.rbegin(); entry != value.space()->items.rend(); ++entry)
      if (entry->first == name) return entry->second;
  return Value::undefined(name);
}

Value item(const Value& value, const Value& key) {
  if (value.is_undefined()) fail("'", std::get<Undefined>(value.data()).name, "' is undefined, so it has no items");
  if (value.dict() && (key.text() || key.is_number() || key.is_none())) {
    if (const Value* found = value.dict()->find(key)) return *found;
    return key.text() ? attribute(value, *key.text()) : Value::undefined(repr(key));
  }
  if (key.text()) return attribute(value, *key.text());
  if (!key.is_integer()) return Value::undefined("an item");
  int64_t index = key.as_integer();
  if (value.list()) {
    const auto& items = value.list()->items;
    if (index < 0) index += std::ssize(items);
    return index < 0 || index >= std::ssize(items) ? Value::undefined("item " + std::to_string(key.as_integer()))
                                                   : items[static_cast<size_t>(index)];
  }
  if (value.text()) {
    const auto marks = characters(*value.text());
    if (index < 0) index += std::ssize(marks);
    return index < 0 || index >= std::ssize(marks) ? Value::undefined("item " + std::to_string(key.as_integer()))
                                                   : Value::text(std::string(marks[static_cast<size_t>(index)]));
  }
  return Value::undefined("item " + std::to_string(index));
}

std::vector<Value> iterate(const Value& value, Meter& meter) {
  std::vector<Value> items;
  if (value.list()) {
    meter.charge(std::ssize(value.list()->items));
    return value.list()->items;
  }
  if (value.dict()) {
    meter.charge(std::ssize(value.dict()->items));
    for (const auto& [key, held] : value.dict()->items) items.push_back(key);
    return items;
  }
  if (value.text()) {
    meter.charge(std::ssize(*value.text()));
    for (const auto character : characters(*value.text())) items.push_back(Value::text(std::string(character)));
    return items;
  }
  if (value.is_undefined()) return items;
  fail("expected a list, dict or text to go through, found ", type_name(value));
}

bool contains(const Value& container, const Value& value, Meter& meter) {
  if (container.text()) {
    if (!value.text()) fail("in: expected a text to look for in a text, found ", type_name(value));
    meter.charge(container.weight());
    return container.text()->find(*value.text()) != std::string::npos;
  }
  if (container.dict()) return container.dict()->find(value);
  if (container.is_undefined()) return false;
  if (!container.list()) fail("in: expected a list, dict or text to look in, found ", type_name(container));
  const auto& items = container.list()->items;
  meter.charge(container.weight());
  return std::any_of(items.begin(), items.end(), [&](const Value& entry) { return equal(entry, value); });
}

std::string percent_format(const std::string& format, const std::vector<Value>& values, Meter& meter) {
  std::string out;
  size_t next = 0;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    size_t end = at + 1, places = 6;
    if (end + 1 < format.size() && format[end] == '.' && format[end + 1] >= '0' && format[end + 1] <= '9') {
      places = static_cast<size_t>(format[end + 1] - '0');
      end += 2;
    }
    const char kind = end < format.size() ? format[end] : ' ';
    at = end;
    if (kind == '%') {
      out += '%';
      continue;
    }
    if (std::string_view("srdixf").find(kind) == std::string_view::npos)
      fail("format: expected %s, %r, %d, %i, %x, %f or %.3f, found %", std::string(1, kind));
    if (next >= values.size()) fail("format: expected more than ", values.size(), " values");
    const Value& value = values[next++];
    meter.charge(value.weight());
    if (kind == 's' || kind == 'r') {
      out += kind == 's' ? to_text(value) : repr(value);
    } else {
      if (!value.is_number())
        fail("format: expected a number for %", std::string(1, kind), ", found ", type_name(value));
      if (kind == 'f')
        out += fmt::format("{:.{}f}", value.as_number(), places);
      else if (kind == 'x')
        out += fmt::format("{:x}", integer_of(value, "format"));
      else
        out += value.is_integer() ? std::to_string(value.as_integer())
                                  : fmt::format("{:.0f}", std::trunc(value.as_number()));
    }
  }
  if (next < values.size()) fail("format: expected ", next, " values, found ", values.size());
  return out;
}

}  // namespace strata::jinja
