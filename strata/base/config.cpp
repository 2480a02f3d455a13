#include "strata/base/config.h"

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"

namespace strata {
namespace {

constexpr uint64_t kMaxFileBytes = 16 << 20;
constexpr int kMostKeyParts = 16;
constexpr int kDeepest = 64;

std::string place_of(const std::string& name, const toml::source_region& source) {
  return name + ":" + std::to_string(source.begin.line) + ":" + std::to_string(source.begin.column);
}

// Where the string that begins at `at` ends: behind its last quote, or at the end of the text.
size_t string_end(std::string_view text, size_t at) {
  const char quote = text[at];
  const bool long_one = text.substr(at).starts_with(std::string(3, quote));
  for (at += long_one ? 3 : 1; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote && (!long_one || text.substr(at).starts_with(std::string(3, quote)))) {
      at += long_one ? 3 : 1;
      while (long_one && at < text.size() && text[at] == quote)
        ++at;  // up to two quotes may stand before the last three
      return at;
    } else if (text[at] == '\n' && !long_one) {
      return at;
    }
  }
  return text.size();
}

// Keys of many parts (a.a.a = 1) become tables inside each other, to which the parser sets no limit.
void check_keys(std::string_view text, const std::string& name) {
  int line = 1, parts = 1;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      const size_t end = string_end(text, at);
      line += static_cast<int>(
          std::count(text.begin() + static_cast<ptrdiff_t>(at), text.begin() + static_cast<ptrdiff_t>(end), '\n'));
      at = end;
      continue;
    }
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (c == '\n') ++line;
    if (c == '.' && ++parts > kMostKeyParts)
      fail_usage(name, ":", line, ": expected keys of at most ", kMostKeyParts, " parts, found more");
    if (std::string_view("\n=,[{").find(c) != std::string_view::npos) parts = 1;
    ++at;
  }
}

ConfigNode convert(const toml::node& node, const std::string& name, int depth = 0) {
  const std::string place = place_of(name, node.source());
  if (depth > kDeepest) fail_usage(place, ": expected at most ", kDeepest, " levels of tables and lists, found more");
  if (const auto* value = node.as_boolean()) return {value->get(), place};
  if (const auto* value = node.as_integer()) return {value->get(), place};
  if (const auto* value = node.as_floating_point()) return {value->get(), place};
  if (const auto* value = node.as_string()) return {value->get(), place};
  if (const auto* array = node.as_array()) {
    ConfigList list;
    for (const toml::node& item : *array) list.push_back(convert(item, name, depth + 1));
    return {std::move(list), place};
  }
  if (const auto* inner = node.as_table()) {
    ConfigTable table;
    for (const auto& [key, value] : *inner)
      table.push_back({std::string(key.str()), convert(value, name, depth + 1), place_of(name, key.source())});
    return {std::move(table), place};
  }
  fail_usage(place, ": expected a boolean, number, text, list or table, found a date or time");
}

std::string shown(const ConfigNode& node) {
  struct Show {
    std::string operator()(bool value) const { return value ? "the boolean true" : "the boolean false"; }
    std::string operator()(int64_t value) const { return "the integer " + std::to_string(value); }
    std::string operator()(double value) const { return "the number " + detail::concatenate(value); }
    std::string operator()(const std::string& text) const { return "the text " + in_quotes(text); }
    std::string operator()(const RawText& raw) const { return in_quotes(raw.text); }
    std::string operator()(const ConfigList& list) const { return "a list of " + std::to_string(list.size()); }
    std::string operator()(const ConfigTable&) const { return "a table"; }
  };
  return std::visit(Show{}, node.value);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The value that a text has in TOML, if it has one that a field can take.
std::optional<ConfigNode> toml_value(std::string_view text) {
  if (text.empty() || text.find_first_of("\n#") != std::string_view::npos) return std::nullopt;
  try {
    const toml::table table = toml::parse("value = " + std::string(text));
    return convert(*table.get("value"), "");
  } catch (const toml::parse_error&) {
    return std::nullopt;
  } catch (const UsageError&) {  // a date
    return std::nullopt;
  }
}

// Gives an override its value in TOML; text that has none stays as it is, and the field says whether it takes that.
void resolve(ConfigNode& node) {
  const auto* raw = std::get_if<RawText>(&node.value);
  if (raw == nullptr) return;
  if (auto value = toml_value(trimmed(raw->text))) node.value = std::move(value->value);
}

// Parts between the commas that are not inside quotes or brackets.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  char quote = 0;
  for (const char letter : text) {
    if (quote != 0) {
      if (letter == quote) quote = 0;
    } else if (letter == '"' || letter == '\'') {
      quote = letter;
    } else if (letter == '[' || letter == '{') {
      ++depth;
    } else if (letter == ']' || letter == '}') {
      --depth;
    } else if (letter == ',' && depth == 0) {
      parts.push_back(std::move(part));
      part.clear();
      continue;
    }
    part += letter;
  }
  if (!trimmed(part).empty()) parts.push_back(std::move(part));  // "[1, 2, ]" has two
  return parts;
}

std::string print_number(double value) {
  std::array<char, 64> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  std::string text(buffer.data(), result.ptr);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string print_text(const std::string& text) {
  std::string quoted = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (size_t at = quoted.find('\x7f'); at != std::string::npos; at = quoted.find('\x7f', at))
    quoted.replace(at, 1, "\\u007f");
  return quoted;
}

bool holds_tables(const ConfigList& list) {
  return !list.empty() && std::holds_alternative<ConfigTable>(list.front().value);
}

std::string print_inline(const ConfigNode& node) {
  struct Print {
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(int64_t value) const { return std::to_string(value); }
    std::string operator()(double value) const { return print_number(value); }
    std::string operator()(const std::string& text) const { return print_text(text); }
    std::string operator()(const RawText& raw) const { return print_text(raw.text); }
    std::string operator()(const ConfigList& list) const {
      std::string text = "[";
      for (const ConfigNode& item : list) text += (text.size() > 1 ? ", " : "") + print_inline(item);
      return text + "]";
    }
    std::string operator()(const ConfigTable& table) const {
      std::string text = "{";
      for (const ConfigEntry& entry : table)
        text += (text.size() > 1 ? ", " : " ") + entry.key + " = " + print_inline(entry.node);
      return text + " }";
    }
  };
  return std::visit(Print{}, node.value);
}

void print_section(const ConfigTable& table, const std::string& path, std::string& out) {
  for (const ConfigEntry& entry : table) {
    const auto* list = std::get_if<ConfigList>(&entry.node.value);
    if (std::holds_alternative<ConfigTable>(entry.node.value) || (list != nullptr && holds_tables(*list))) continue;
    out += entry.key + " = " + print_inline(entry.node) + "\n";
  }
  for (const ConfigEntry& entry : table) {
    const std::string name = detail::join_path(path, entry.key);
    if (const auto* inner = std::get_if<ConfigTable>(&entry.node.value)) {
      out += std::string(out.empty() ? "" : "\n") + "[" + name + "]\n";
      print_section(*inner, name, out);
    }
    if (const auto* list = std::get_if<ConfigList>(&entry.node.value); list != nullptr && holds_tables(*list))
      for (const ConfigNode& item : *list) {
        out += std::string(out.empty() ? "" : "\n") + "[[" + name + "]]\n";
        print_section(std::get<ConfigTable>(item.value), name, out);
      }
  }
}

nlohmann::ordered_json as_json(const ConfigNode& node) {
  struct Convert {
    nlohmann::ordered_json operator()(const RawText& raw) const { return raw.text; }
    nlohmann::ordered_json operator()(const ConfigList& list) const {
      nlohmann::ordered_json json = nlohmann::ordered_json::array();
      for (const ConfigNode& item : list) json.push_back(as_json(item));
      return json;
    }
    nlohmann::ordered_json operator()(const ConfigTable& table) const {
      nlohmann::ordered_json json = nlohmann::ordered_json::object();
      for (const ConfigEntry& entry : table) json[entry.key] = as_json(entry.node);
      return json;
    }
    nlohmann::ordered_json operator()(bool value) const { return value; }
    nlohmann::ordered_json operator()(int64_t value) const { return value; }
    nlohmann::ordered_json operator()(double value) const { return value; }
    nlohmann::ordered_json operator()(const std::string& text) const { return text; }
  };
  return std::visit(Convert{}, node.value);
}

std::string range_text(const Range& range) {
  if (std::isinf(range.high)) return (range.open_low ? "above " : "of at least ") + detail::concatenate(range.low);
  return detail::concatenate(range.open_low ? "in (" : "in [", range.low, ", ", range.high,
                             range.open_high ? ")" : "]");
}

}  // namespace

ConfigNode parse_toml(std::string_view text, const std::string& name) {
  check_keys(text, name);
  try {
    return convert(toml::parse(text), name);
  } catch (const toml::parse_error& error) {
    fail_usage(place_of(name, error.source()), ": malformed TOML: ", error.description());
  }
}

ConfigNode read_toml_file(const std::string& path) {
  return parse_toml(read_text(path, kMaxFileBytes), path);
}

std::string print_toml(const ConfigNode& table) {
  std::string out;
  print_section(std::get<ConfigTable>(table.value), "", out);
  return out;
}

std::string print_json(const ConfigNode& node) {
  return as_json(node).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

namespace detail {

void wrong_type(const ConfigNode& node, const std::string& path, const std::string& expected) {
  fail_usage(node.place, ": ", path, ": expected ", expected, ", got ", shown(node));
}

void unknown_key(const std::string& place, const std::string& path, const std::string& key,
                 const std::vector<std::string>& known) {
  if (known.empty()) fail_usage(place, ": ", path, ": expected a single value, got the key '", key, "' below it");
  fail_usage(place, ": ", join_path(path, key), ": no such key; known keys: ", join_names(known),
             suggestion(key, known));
}

const ConfigTable& as_table(ConfigNode& node, const std::string& path) {
  resolve(node);
  if (const auto* table = std::get_if<ConfigTable>(&node.value)) return *table;
  wrong_type(node, path, "a table");
}

const ConfigList& as_list(ConfigNode& node, const std::string& path) {
  if (const auto* raw = std::get_if<RawText>(&node.value)) {
    std::string_view text = trimmed(raw->text);
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    ConfigList list;
    for (std::string& part : split_list(text)) list.push_back({RawText{std::move(part)}, node.place});
    node.value = std::move(list);
  }
  if (const auto* list = std::get_if<ConfigList>(&node.value)) return *list;
  wrong_type(node, path, "a list");
}

void read_scalar(ConfigNode& node, const std::string& path, bool& value) {
  resolve(node);
  const auto* found = std::get_if<bool>(&node.value);
  if (found == nullptr) wrong_type(node, path, "true or false");
  value = *found;
}

void read_scalar(ConfigNode& node, const std::string& path, int64_t& value) {
  resolve(node);
  const auto* found = std::get_if<int64_t>(&node.value);
  if (found == nullptr) wrong_type(node, path, "an integer");
  value = *found;
}

void read_scalar(ConfigNode& node, const std::string& path, double& value) {
  resolve(node);
  if (const auto* integer = std::get_if<int64_t>(&node.value)) {
    value = static_cast<double>(*integer);
    return;
  }
  const auto* found = std::get_if<double>(&node.value);
  if (found == nullptr || !std::isfinite(*found)) wrong_type(node, path, "a finite number");
  value = *found;
}

void read_scalar(ConfigNode& node, const std::string& path, std::string& value) {
  if (const auto* raw = std::get_if<RawText>(&node.value)) {
    const std::string_view text = trimmed(raw->text);
    if (!text.starts_with('"') && !text.starts_with('\'')) {
      value = raw->text;
      return;
    }
    resolve(node);
  }
  const auto* found = std::get_if<std::string>(&node.value);
  if (found == nullptr) wrong_type(node, path, "text");
  value = *found;
}

void check_range(const ConfigNode& node, const std::string& path, double value, const Range& range) {
  const bool inside = (range.open_low ? value > range.low : value >= range.low) &&
                      (range.open_high ? value < range.high : value <= range.high);
  if (!inside) wrong_type(node, path, "a number " + range_text(range));
}

void check_integer(const ConfigNode& node, const std::string& path, int64_t value, int64_t low, uint64_t high) {
  if (value < low || (value > 0 && static_cast<uint64_t>(value) > high))
    wrong_type(node, path, concatenate("an integer from ", low, " to ", high));
}

size_t find_enum(ConfigNode& node, const std::string& path, const std::vector<std::string>& names) {
  std::string text;
  if (!std::holds_alternative<std::string>(node.value) && !std::holds_alternative<RawText>(node.value))
    wrong_type(node, path, "one of " + join_names(names));
  read_scalar(node, path, text);
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == text) return i;
  fail_usage(node.place, ": ", path, ": expected one of ", join_names(names), ", got ", in_quotes(text),
             suggestion(text, names));
}

// The double with the shortest decimal form that is this float again: 0.1F is written 0.1.
double shortest_double(float value) {
  std::array<char, 64> buffer{};
  const auto printed = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  double result = 0;
  std::from_chars(buffer.data(), printed.ptr, result);
  return result;
}

std::string join_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

size_t element_index(const std::string& place, const std::string& path, const std::string& key, size_t size) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
  if (error != std::errc() || end != key.data() + key.size() || index >= size)
    fail_usage(place, ": ", path, ": expected the number of an element below ", size, ", got '", key, "'");
  return index;
}

Override parse_override(const std::string& assignment) {
  try {
    (void)nlohmann::json(assignment).dump();
  } catch (const nlohmann::json::exception&) {  // a recipe could not be written with it
    fail_usage("--set ", in_quotes(assignment), ": expected text in UTF-8");
  }
  const std::string place = "--set " + assignment;
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) fail_usage(place, ": expected key=value, as in train.steps=200");
  Override change{.keys = {}, .text = {RawText{assignment.substr(equals + 1)}, place}};
  std::istringstream path(assignment.substr(0, equals));
  for (std::string key; std::getline(path, key, '.');) {
    if (key.empty()) fail_usage(place, ": expected names between the dots before '='");
    change.keys.push_back(std::move(key));
  }
  return change;
}

}  // namespace detail
}  // namespace strata
