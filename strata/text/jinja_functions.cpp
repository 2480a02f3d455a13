#include "strata/text/jinja_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <type_traits>
#include <utility>

#include "strata/base/error.h"
#include "strata/text/jinja_numbers.h"
#include "strata/text/jinja_signatures.h"
#include "strata/text/jinja_text.h"

namespace strata::jinja {
namespace {

constexpr std::array kDictMethods =
    std::to_array<Signature>({{"keys", ""}, {"values", ""}, {"items", ""}, {"get", "- -"}});
constexpr std::array kListMethods = std::to_array<Signature>({{"index", "-"}, {"count", "-"}});
constexpr std::array kLoopMethods = std::to_array<Signature>({{"cycle", "*"}, {"changed", "*"}});
constexpr std::array kGlobals = std::to_array<Signature>({{"range", "- - -"},
                                                          {"namespace", "*"},
                                                          {"dict", "*"},
                                                          {"raise_exception", "message"},
                                                          {"strftime_now", "format"}});

const std::string& text_of(const Value& value, std::string_view who) {
  if (!value.text()) fail(who, ": expected a text, found ", type_name(value));
  return *value.text();
}
bool flag_of(const Value* value) {
  return value && truthy(*value);
}

// "a.b.0" looks into dicts and lists step by step; a step that leads nowhere leads to the fallback, if there is one.
Value path_of(const Value& value, const Value& path, Meter& meter, const Value* fallback = nullptr) {
  meter.charge(path.weight());
  const auto step_to = [&](const Value& from, const Value& key) {
    Value found = item(from, key);
    return found.is_undefined() && fallback && !fallback->is_none() ? *fallback : found;
  };
  if (!path.text()) return step_to(value, path);
  Value at = value;
  const std::string& text = *path.text();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const bool number = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    at = step_to(at, number ? Value::integer(std::stoll(part)) : Value::text(part));
    begin = end + 1;
  }
  return at;
}

// The entry itself without an attribute to look for.
Value at_path(const Value& entry, const Value* path, Meter& meter) {
  return path && !path->is_none() ? path_of(entry, *path, meter) : entry;
}

Value folded(const Value& value) {
  return value.text() ? Value::text(lower(*value.text())) : value;
}

Value indented(const Value& value, const Arguments& arguments, Meter& meter) {
  const std::string& text = text_of(value, "indent");
  std::string indent(4, ' ');
  if (const Value* width = arguments.get(0, "width")) {
    if (width->text())
      indent = *width->text();
    else
      indent = std::string(static_cast<size_t>(std::clamp<int64_t>(integer_of(*width, "indent"), 0, 1000)), ' ');
  }
  const bool first = flag_of(arguments.get(1, "first")), blank = flag_of(arguments.get(2, "blank"));
  std::string out = first ? indent : "";
  meter.charge(static_cast<int64_t>(text.size()));
  bool begun = false;
  const std::string ended = text + '\n';  // so the last line counts when it is empty
  for (const std::string_view line : lines_of(ended, false)) {
    meter.charge(1 + static_cast<int64_t>((line.size() + indent.size()) / 64));
    if (std::exchange(begun, true)) {
      out += '\n';
      if (blank || !line.empty()) out += indent;
    }
    out += line;
  }
  return Value::text(std::move(out));
}

std::string escaped(const std::string& text, const Arguments&, Meter& meter) {
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
  std::string out;
  const auto borders = [](std::string_view c) {
    return std::string_view("-({[<").find(c) != std::string::npos || is_space(c);
  };
  const auto marks = characters(text);
  for (size_t i = 0; i < marks.size();) {
    if (borders(marks[i])) {
      out += marks[i++];
      continue;
    }
    const size_t first = i;
    while (i < marks.size() && !borders(marks[i])) ++i;
    const char* const rest = marks[first].data() + marks[first].size();
    const char* const end = marks[i - 1].data() + marks[i - 1].size();
    out += upper(marks[first]) + lower({rest, static_cast<size_t>(end - rest)});
  }
  return out;
}

Value as_json(const Value& value, const Arguments& arguments, Meter& meter) {
  constexpr int64_t widest = 64;
  JsonStyle style;
  // Named as in transformers: tojson(x, ensure_ascii, indent, separators, sort_keys).
  style.ascii = flag_of(arguments.get(0, "ensure_ascii"));
  const Value* indent = arguments.get(1, "indent");
  if (indent && !indent->is_none()) {
    const int64_t width = indent->text() ? std::ssize(*indent->text()) : integer_of(*indent, "tojson");
    if (width > widest) fail("tojson: expected an indent of at most ", widest, ", found ", width);
    style.indent =
        indent->text() ? *indent->text() : std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    style.item_separator = ",";
  }
  if (const Value* separators = arguments.get(2, "separators"); separators && !separators->is_none()) {
    const ListData* list = separators->list();
    if (!list || list->items.size() != 2) fail("tojson: expected two separators, found ", type_name(*separators));
    style.item_separator = text_of(list->items[0], "tojson");
    style.key_separator = text_of(list->items[1], "tojson");
    if (style.item_separator.size() + style.key_separator.size() > widest)
      fail("tojson: expected separators of at most ", widest, " bytes together");
  }
  style.sort_keys = flag_of(arguments.get(3, "sort_keys"));
  constexpr int64_t columns_per_step = 32;
  const int64_t width = style.indent ? std::ssize(*style.indent) : 0;
  meter.charge(value.weight() * (2 + width * value.depth() / columns_per_step));
  return Value::text(to_json(value, style));
}

Value joined(const Value& value, const Arguments& arguments, Meter& meter) {
  const Value* by = arguments.get(0, "d");
  const Value* path = arguments.get(1, "attribute");
  const std::string separator = by ? to_text(*by) : "";
  std::string out;
  bool begun = false;
  for (const Value& entry : iterate(value, meter)) {
    const Value part = at_path(entry, path, meter);
    meter.charge(part.weight() + static_cast<int64_t>(separator.size() / 64));
    if (std::exchange(begun, true)) out += separator;
    out += to_text(part);
  }
  return Value::text(std::move(out));
}

// What unique, min and max order by.
std::vector<std::pair<Value, Value>> keyed(const Value& value, const Value* path, bool case_sensitive, Meter& meter) {
  std::vector<std::pair<Value, Value>> result;
  for (Value& entry : iterate(value, meter)) {
    Value key = at_path(entry, path, meter);
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
    const auto sign = compare(entries[reverse ? b : a].first, entries[reverse ? a : b].first, true);
    return sign != 0 ? sign < 0 : a < b;
  });
  std::vector<Value> items;
  items.reserve(order.size());
  for (const size_t i : order) items.push_back(std::move(entries[i].second));
  return Value::list(std::move(items));
}

// By one attribute after the other, as in "role,name". Those that are equal are never asked which is less, so what lacks
// the attribute stays in its order.
Value sorted(const Value& value, const Arguments& arguments, Meter& meter) {
  const Value* path = arguments.get(2, "attribute");
  std::vector<Value> paths;
  if (path && path->text()) {
    meter.charge(std::ssize(*path->text()));
    for (size_t begin = 0; begin <= path->text()->size();) {
      const size_t end = std::min(path->text()->find(',', begin), path->text()->size());
      paths.push_back(Value::text(path->text()->substr(begin, end - begin)));
      begin = end + 1;
    }
  } else {
    paths.push_back(path ? *path : Value::none());
  }
  const bool reverse = flag_of(arguments.get(0, "reverse")),
             case_sensitive = flag_of(arguments.get(1, "case_sensitive"));
  const auto items = iterate(value, meter);
  std::vector<std::pair<Value, Value>> entries;
  entries.reserve(items.size());
  for (const Value& entry : items) {
    std::vector<Value> keys;
    keys.reserve(paths.size());
    for (const Value& by : paths) {
      const Value key = at_path(entry, &by, meter);
      meter.charge(key.weight() * 16);  // it is compared about so often
      keys.push_back(case_sensitive ? key : folded(key));
    }
    entries.emplace_back(Value::list(std::move(keys)), entry);
  }
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

template <bool Largest>
Value extreme(const Value& value, const Arguments& arguments, Meter& meter) {
  const auto entries = keyed(value, arguments.get(1, "attribute"), flag_of(arguments.get(0, "case_sensitive")), meter);
  if (entries.empty()) return Value::undefined("the extreme of an empty list");
  const auto* best = &entries.front();
  // One alone need not be comparable.
  for (auto entry = std::next(entries.begin()); entry != entries.end(); ++entry)
    if (const auto sign = compare(entry->first, best->first); Largest ? sign > 0 : sign < 0) best = &*entry;
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

// What map, select and their like go through: nothing of what is false, as none where a message has no calls.
std::vector<Value> iterate_if_true(const Value& value, Meter& meter) {
  return truthy(value) ? iterate(value, meter) : std::vector<Value>();
}

// map('filter', ...), map(attribute='a', default=b).
Value mapped(const Value& value, const Arguments& arguments, Meter& meter) {
  const Value* path = arguments.get(SIZE_MAX, "attribute");
  const Value* fallback = arguments.get(SIZE_MAX, "default");
  if (!path && arguments.positional.empty()) fail("map: expected the name of a filter or attribute=...");
  std::vector<Value> items;
  for (const Value& entry : iterate_if_true(value, meter)) {
    meter.charge(1);
    if (path) {
      items.push_back(path_of(entry, *path, meter, fallback));
    } else {
      items.push_back(apply_filter(text_of(arguments.positional[0], "map"), entry, arguments.after(1), meter));
    }
  }
  return Value::list(std::move(items));
}

// select, reject, selectattr, rejectattr: by truth, or by a test.
template <bool ByAttribute, bool Want>
Value selected(const Value& value, const Arguments& arguments, Meter& meter) {
  constexpr size_t first = ByAttribute ? 1 : 0;
  if (ByAttribute && arguments.positional.empty()) fail("selectattr: expected an attribute");
  std::vector<Value> items;
  for (const Value& entry : iterate_if_true(value, meter)) {
    meter.charge(1);
    const Value subject = ByAttribute ? path_of(entry, arguments.positional[0], meter) : entry;
    const bool passes = arguments.positional.size() > first ? apply_test(text_of(arguments.positional[first], "select"),
                                                                         subject, arguments.after(first + 1), meter)
                                                            : truthy(subject);
    if (passes == Want) items.push_back(entry);
  }
  return Value::list(std::move(items));
}

Value joined_lists(const Value& value, const Value* path, const Value& start, Meter& meter) {
  std::vector<Value> items = iterate(start, meter);
  for (const Value& entry : iterate(value, meter)) {
    const Value part = at_path(entry, path, meter);
    if (!part.list() || part.list()->tuple != start.list()->tuple)
      fail("sum: expected ", type_name(start), " as the start is, found ", type_name(part));
    const auto more = iterate(part, meter);
    items.insert(items.end(), more.begin(), more.end());
  }
  return Value::list(std::move(items), start.list()->tuple);
}

Value summed(const Value& value, const Arguments& arguments, Meter& meter) {
  const Value* path = arguments.get(0, "attribute");
  const Value* start = arguments.get(1, "start");
  if (start && start->list()) return joined_lists(value, path, *start, meter);
  int64_t whole = 0;
  double real = 0;
  bool is_real = false;
  const auto add = [&](const Value& part) {
    if (!part.is_number()) fail("sum: expected numbers, found ", type_name(part));
    real += part.as_number();
    if (!part.is_integer() || __builtin_add_overflow(whole, part.as_integer(), &whole)) is_real = true;
  };
  if (start) add(*start);
  for (const Value& entry : iterate(value, meter)) add(at_path(entry, path, meter));
  return is_real ? Value::number(real) : Value::integer(whole);
}

Value length_of(const Value& value, const Arguments&, Meter& meter) {
  meter.charge(value.text() ? value.weight() : 1);
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

std::string trimmed(const std::string& text, const Arguments& arguments, Meter&) {
  const Value* marks = arguments.get(0, "chars");
  return std::string(stripped(text, marks && !marks->is_none() ? &text_of(*marks, "trim") : nullptr, true, true));
}

std::string formatted(const std::string& text, const Arguments& arguments, Meter& meter) {
  return percent_format(text, arguments.positional, true, meter);
}

std::string as_it_is(std::string text) {
  return text;
}

std::string replaced_text(const std::string& text, const Arguments& arguments, Meter& meter) {
  const Value *from = arguments.get(0, "old"), *to = arguments.get(1, "new"), *most = arguments.get(2, "count");
  if (!from || !to) fail("replace: expected a text to find and one to put there");
  return replaced(text, to_text(*from), to_text(*to), most && !most->is_none() ? integer_of(*most, "replace") : -1,
                  meter);
}

Value or_default(const Value& value, const Arguments& arguments, Meter&) {
  const Value* fallback = arguments.get(0, "default_value");
  const bool use = value.is_undefined() || (flag_of(arguments.get(1, "boolean")) && !truthy(value));
  return use ? (fallback ? *fallback : Value::text("")) : value;
}

Value reversed(const Value& value, Meter& meter) {
  auto items = iterate(value, meter);
  std::reverse(items.begin(), items.end());
  if (!value.text()) return Value::list(std::move(items));
  std::string out;
  for (const Value& character : items) out += *character.text();
  return Value::text(std::move(out));
}

Value at_end(const Value& value, Meter& meter, bool first) {
  const auto items = iterate(value, meter);
  if (items.empty()) return Value::undefined("an item of an empty list");
  return first ? items.front() : items.back();
}

Value make_range(const Arguments& arguments, Meter& meter) {
  if (arguments.positional.empty()) fail("range: expected one to three numbers");
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
    for (const auto& [key, held] : from.dict()->items) made->items.insert_or_assign(text_of(key, "namespace"), held);
  }
  for (const auto& [key, held] : arguments.named) made->items.insert_or_assign(key, held);
  return Value(Value::Data(std::move(made)));
}

Value make_dict(const Arguments& arguments, Meter& meter) {
  if (arguments.positional.size() > 1)
    fail("dict: expected at most one dict or list of pairs, found ", arguments.positional.size());
  Dict dict;
  for (const Value& from : arguments.positional) {
    if (from.dict()) {
      meter.charge(from.weight());
      for (const auto& [key, held] : from.dict()->items) dict.set(key, held);
      continue;
    }
    if (!from.list()) fail("dict: expected a dict or a list of pairs, found ", type_name(from));
    for (const Value& pair : from.list()->items) {
      if (!pair.list() || pair.list()->items.size() != 2) fail("dict: expected pairs, found ", type_name(pair));
      meter.charge(pair.weight());
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

template <bool Upper>
bool is_case(const Value& value, const Value*, Meter& meter) {
  meter.charge(value.weight());
  const std::string text = to_text(value);
  return Upper ? is_upper(text) : is_lower(text);
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

// The method of a value that templates may call by this name, if there is one.
const Signature* method_of(const Value& value, std::string_view name) {
  if (value.text()) return text_method(name);
  if (value.dict()) return entry_of(kDictMethods, name);
  if (value.list()) return entry_of(kListMethods, name);
  return value.loop() ? entry_of(kLoopMethods, name) : nullptr;
}

// A filter that makes a text of the value's text.
template <auto Make>
Value of_text(const Value& value, const Arguments& arguments, Meter& meter) {
  meter.charge(value.weight());
  if constexpr (std::is_invocable_v<decltype(Make), std::string>)
    return Value::text(Make(to_text(value)));
  else
    return Value::text(Make(to_text(value), arguments, meter));
}

struct Filter : Signature {
  Value (*apply)(const Value& value, const Arguments& arguments, Meter& meter);
};

constexpr std::array kFilters = std::to_array<Filter>({
    {{"abs", ""}, [](const Value& value, const Arguments&, Meter&) { return absolute(value); }},
    {{"capitalize", ""}, of_text<capitalised>},
    {{"count", ""}, length_of},
    {{"d", "default_value boolean"}, or_default},
    {{"default", "default_value boolean"}, or_default},
    {{"dictsort", "case_sensitive by reverse"}, dict_sorted},
    {{"e", ""}, of_text<escaped>},
    {{"escape", ""}, of_text<escaped>},
    {{"first", ""}, [](const Value& value, const Arguments&, Meter& meter) { return at_end(value, meter, true); }},
    {{"float", "default"}, to_number},
    {{"format", "*"}, of_text<formatted>},
    {{"indent", "width first blank"}, indented},
    {{"int", "default base"}, to_integer},
    {{"items", ""}, [](const Value& value, const Arguments&, Meter& meter) { return pairs_of(value, meter); }},
    {{"join", "d attribute"}, joined},
    {{"last", ""}, [](const Value& value, const Arguments&, Meter& meter) { return at_end(value, meter, false); }},
    {{"length", ""}, length_of},
    {{"list", ""},
     [](const Value& value, const Arguments&, Meter& meter) { return Value::list(iterate(value, meter)); }},
    {{"lower", ""}, of_text<lower>},
    {{"map", "*"}, mapped},
    {{"max", "case_sensitive attribute"}, extreme<true>},
    {{"min", "case_sensitive attribute"}, extreme<false>},
    {{"reject", "*"}, selected<false, false>},
    {{"rejectattr", "*"}, selected<true, false>},
    {{"replace", "old new count"}, of_text<replaced_text>},
    {{"reverse", ""}, [](const Value& value, const Arguments&, Meter& meter) { return reversed(value, meter); }},
    {{"round", "precision method"}, rounded},
    {{"safe", ""}, of_text<as_it_is>},
    {{"select", "*"}, selected<false, true>},
    {{"selectattr", "*"}, selected<true, true>},
    {{"sort", "reverse case_sensitive attribute"}, sorted},
    {{"string", ""}, of_text<as_it_is>},
    {{"sum", "attribute start"}, summed},
    {{"title", ""}, of_text<titled>},
    {{"tojson", "ensure_ascii indent separators sort_keys"}, as_json},
    {{"trim", "chars"}, of_text<trimmed>},
    {{"unique", "case_sensitive attribute"}, unique},
    {{"upper", ""}, of_text<upper>},
});

// `parameters` is the name of the one argument, if the test takes one; it is then there.
struct Test : Signature {
  bool (*holds)(const Value& value, const Value* other, Meter& meter);
};

template <bool (*Holds)(const Value&)>
bool of_value(const Value& value, const Value*, Meter&) {
  return Holds(value);
}
template <bool (*Holds)(const Value&, const Value&)>
bool of_two(const Value& value, const Value* other, Meter&) {
  return Holds(value, *other);
}

bool is_iterable(const Value& value) {
  return value.text() || value.list() || value.dict() || value.is_undefined();
}
// What is left of a division that cuts towards zero.
double remainder_of(const Value& value, const Value& by, std::string_view who) {
  if (!value.is_number() || !by.is_number())
    fail(who, ": expected numbers, found ", type_name(value), " and ", type_name(by));
  if (by.as_number() == 0) fail(who, ": expected a number other than 0");
  if (!value.is_integer() || !by.is_integer()) return std::fmod(value.as_number(), by.as_number());
  // -1 leaves nothing, and the smallest integer overflows on it.
  return by.as_integer() == -1 ? 0 : static_cast<double>(value.as_integer() % by.as_integer());
}
bool is_divisible(const Value& value, const Value& other) {
  return remainder_of(value, other, "the test divisibleby") == 0;
}
bool is_even(const Value& value) {
  return remainder_of(value, Value::integer(2), "the test even") == 0;
}
bool is_odd(const Value& value) {
  return std::abs(remainder_of(value, Value::integer(2), "the test odd")) == 1;
}
bool is_same(const Value& value, const Value& other) {
  return value.data().index() == other.data().index() && equal(value, other);
}
bool is_not_equal(const Value& a, const Value& b) {
  return !equal(a, b);
}
bool is_less(const Value& a, const Value& b) {
  return compare(a, b) < 0;
}
bool is_less_or_equal(const Value& a, const Value& b) {
  return compare(a, b) <= 0;
}
bool is_greater(const Value& a, const Value& b) {
  return compare(a, b) > 0;
}
bool is_greater_or_equal(const Value& a, const Value& b) {
  return compare(a, b) >= 0;
}

constexpr std::array kTests = std::to_array<Test>({
    {{"!=", "-"}, of_two<is_not_equal>},
    {{"<", "-"}, of_two<is_less>},
    {{"<=", "-"}, of_two<is_less_or_equal>},
    {{"==", "-"}, of_two<equal>},
    {{">", "-"}, of_two<is_greater>},
    {{">=", "-"}, of_two<is_greater_or_equal>},
    {{"boolean", ""}, of_value<[](const Value& value) { return value.boolean() != nullptr; }>},
    {{"callable", ""}, of_value<[](const Value& value) { return value.function() || value.is_undefined(); }>},
    {{"defined", ""}, of_value<[](const Value& value) { return !value.is_undefined(); }>},
    {{"divisibleby", "num"}, of_two<is_divisible>},
    {{"eq", "-"}, of_two<equal>},
    {{"equalto", "-"}, of_two<equal>},
    {{"even", ""}, of_value<is_even>},
    {{"false", ""}, of_value<[](const Value& value) { return value.boolean() && !*value.boolean(); }>},
    {{"float", ""}, of_value<[](const Value& value) { return value.is_number() && !value.is_integer(); }>},
    {{"ge", "-"}, of_two<is_greater_or_equal>},
    {{"greaterthan", "-"}, of_two<is_greater>},
    {{"gt", "-"}, of_two<is_greater>},
    {{"in", "seq"},
     [](const Value& value, const Value* other, Meter& meter) { return contains(*other, value, meter); }},
    {{"integer", ""}, of_value<[](const Value& value) { return value.is_integer() && !value.boolean(); }>},
    {{"iterable", ""}, of_value<is_iterable>},
    {{"le", "-"}, of_two<is_less_or_equal>},
    {{"lessthan", "-"}, of_two<is_less>},
    {{"lower", ""}, is_case<false>},
    {{"lt", "-"}, of_two<is_less>},
    {{"mapping", ""}, of_value<[](const Value& value) { return value.dict() != nullptr; }>},
    {{"ne", "-"}, of_two<is_not_equal>},
    {{"none", ""}, of_value<[](const Value& value) { return value.is_none(); }>},
    {{"number", ""}, of_value<[](const Value& value) { return value.is_number(); }>},
    {{"odd", ""}, of_value<is_odd>},
    {{"sameas", "other"}, of_two<is_same>},
    {{"sequence", ""}, of_value<is_iterable>},
    {{"string", ""}, of_value<[](const Value& value) { return value.text() != nullptr; }>},
    {{"true", ""}, of_value<[](const Value& value) { return value.boolean() && *value.boolean(); }>},
    {{"undefined", ""}, of_value<[](const Value& value) { return value.is_undefined(); }>},
    {{"upper", ""}, is_case<true>},
});

}  // namespace

void Meter::charge(int64_t steps) {
  if (steps > left_) fail("expected at most ", all_, " steps of work, found more; the template may loop without end");
  left_ -= steps;
}

int64_t integer_of(const Value& value, std::string_view who) {
  if (!value.is_integer()) fail(who, ": expected a whole number, found ", type_name(value));
  return value.as_integer();
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
  const Filter* filter = entry_of(kFilters, name);
  if (!filter) fail("the filter '", name.substr(0, 40), "' is not known");
  check_arguments("filter", *filter, arguments);
  return filter->apply(value, arguments, meter);
}

bool apply_test(const std::string& name, const Value& value, const Arguments& arguments, Meter& meter) {
  meter.charge(1);
  const Test* test = entry_of(kTests, name);
  if (!test) fail("the test '", name.substr(0, 40), "' is not known");
  check_arguments("test", *test, arguments);
  const Value* other = test->parameters.empty() ? nullptr : arguments.get(0, test->parameters);
  if (!test->parameters.empty()) {
    if (!other) fail("the test '", name, "': expected an argument, found none");
    meter.charge(value.weight());
  }
  return test->holds(value, other, meter);
}

bool has_method(const Value& value, std::string_view name) {
  return method_of(value, name) != nullptr;
}

Value call_method(const Value& self, const std::string& name, const Arguments& arguments, Meter& meter) {
  meter.charge(1);
  check_arguments("method", *method_of(self, name), arguments);
  if (self.text()) return call_text_method(*self.text(), name, arguments, meter);
  if (self.dict()) {
    if (name == "keys") return Value::list(iterate(self, meter));
    if (name == "items") return pairs_of(self, meter);
    if (name == "get") {
      const Value *key = arguments.get(0, ""), *fallback = arguments.get(1, "");
      if (!key) fail("get: expected a key, found none");
      meter.charge(key->weight());
      const Value* found = self.dict()->find(*key);
      return found ? *found : fallback ? *fallback : Value::none();
    }
    meter.charge(std::ssize(self.dict()->items));
    std::vector<Value> values;
    for (const auto& [key, held] : self.dict()->items) values.push_back(held);
    return Value::list(std::move(values));
  }
  if (self.loop() && name == "changed") {
    const auto last = self.loop()->changed.lock();
    if (!last) fail("loop.changed: the loop has ended");
    Value given = Value::list(arguments.positional, true);
    meter.charge(given.weight());
    if (equal(*last, given)) return Value::boolean(false);
    *last = std::move(given);
    return Value::boolean(true);
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
  return entry_of(kGlobals, name) != nullptr;
}

Value call_global(const std::string& name, const Arguments& arguments, Meter& meter, std::time_t now) {
  meter.charge(1);
  check_arguments("function", *entry_of(kGlobals, name), arguments);
  if (name == "range") return make_range(arguments, meter);
  if (name == "namespace") return make_namespace(arguments);
  if (name == "dict") return make_dict(arguments, meter);
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
    if (const auto entry = value.space()->items.find(name); entry != value.space()->items.end()) return entry->second;
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
    return find_text(*container.text(), *value.text(), 0) != std::string::npos;
  }
  if (container.dict()) {
    meter.charge(value.weight());
    return container.dict()->find(value);
  }
  if (container.is_undefined()) return false;
  if (!container.list()) fail("in: expected a list, dict or text to look in, found ", type_name(container));
  const auto& items = container.list()->items;
  meter.charge(container.weight());
  return std::any_of(items.begin(), items.end(), [&](const Value& entry) { return equal(entry, value); });
}

}  // namespace strata::jinja
