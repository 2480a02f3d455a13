#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace strata {

/// A configuration is a struct with defaults and one list of its fields, which serves reading, writing, overriding and
/// "no such key":
///
///   struct TrainConfig { int64_t steps = 1000; double rate = 1e-3; Schedule schedule = Schedule::Cosine;
///   std::vector<int64_t> sizes; }; template <class Visit> void fields(TrainConfig& c, Visit&& visit) {
///     visit("steps", c.steps, at_least(1));
///     visit("rate", c.rate, above(0));
///     visit("schedule", c.schedule);
///     visit("sizes", c.sizes);
///   }
///   inline auto enum_names(Schedule) { return std::array{EnumName{"cosine", Schedule::Cosine}, EnumName{"linear",
///   Schedule::Linear}}; }
///
/// A field is bool, an integer, float, double, std::string, an enum with enum_names, another configuration, or a
/// std::optional (absent is nullopt) or std::vector of these. Wrong keys, types and values throw UsageError that begins
/// with file:line:column or with the override.

/// The values a number (or each number of a list) may take.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool open_low = false;
  bool open_high = false;
};
constexpr Range at_least(double low) {
  return {.low = low};
}
constexpr Range above(double low) {
  return {.low = low, .open_low = true};
}
constexpr Range between(double low, double high) {
  return {.low = low, .high = high};
}  // both included
constexpr Range below(double low, double high) {
  return {.low = low, .high = high, .open_high = true};
}  // [low, high)

template <class E>
struct EnumName {
  std::string_view name;
  E value;
};

struct ConfigNode;
struct ConfigEntry;
using ConfigList = std::vector<ConfigNode>;
using ConfigTable = std::vector<ConfigEntry>;

/// Text of an override, whose type the field decides.
struct RawText {
  std::string text;
};

/// A value of a configuration as written, with its place for messages ("run.toml:12:7" or "--set train.steps=x").
struct ConfigNode {
  std::variant<bool, int64_t, double, std::string, RawText, ConfigList, ConfigTable> value;
  std::string place;
};

struct ConfigEntry {
  std::string key;
  ConfigNode node;
  std::string place;  // of the key
};

/// TOML 1.0 text as a tree; `name` is the file in messages. Throws UsageError for malformed text and for dates, which
/// no field takes.
ConfigNode parse_toml(std::string_view text, const std::string& name);
/// The tree as TOML or JSON, in the order of its entries; numbers are written so that reading gives the same bits.
std::string print_toml(const ConfigNode& table);
std::string print_json(const ConfigNode& node);

namespace detail {

[[noreturn]] void wrong_type(const ConfigNode& node, const std::string& path, const std::string& expected);
[[noreturn]] void unknown_key(const std::string& place, const std::string& path, const std::string& key,
                              const std::vector<std::string>& known);
const ConfigTable& as_table(ConfigNode& node, const std::string& path);
const ConfigList& as_list(ConfigNode& node, const std::string& path);
void read_scalar(ConfigNode& node, const std::string& path, bool& value);
void read_scalar(ConfigNode& node, const std::string& path, int64_t& value);
void read_scalar(ConfigNode& node, const std::string& path, double& value);
void read_scalar(ConfigNode& node, const std::string& path, std::string& value);
void check_range(const ConfigNode& node, const std::string& path, double value, const Range& range);
void check_integer(const ConfigNode& node, const std::string& path, int64_t value, int64_t low, uint64_t high);
size_t find_enum(ConfigNode& node, const std::string& path, const std::vector<std::string>& names);
double shortest_double(float value);
std::string join_path(const std::string& path, std::string_view key);
size_t element_index(const std::string& place, const std::string& path, const std::string& key, size_t size);

struct AnyVisit {
  template <class T>
  void operator()(const char*, T&, const Range& = {}) const {}
};

template <class T>
concept Configuration = requires(T& config, AnyVisit visit) { fields(config, visit); };
template <class T>
concept NamedEnum = std::is_enum_v<T> && requires(T value) { enum_names(value); };

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <NamedEnum T>
std::vector<std::string> names_of() {
  std::vector<std::string> names;
  for (const auto& entry : enum_names(T{})) names.emplace_back(entry.name);
  return names;
}

template <class T>
void read_value(ConfigNode& node, const std::string& path, T& value, const Range& range);

template <Configuration T>
void read_table(ConfigNode& node, const std::string& path, T& config) {
  const ConfigTable& table = as_table(node, path);
  std::vector<std::string> known;
  fields(config, [&](const char* key, auto& member, const Range& range = {}) {
    known.emplace_back(key);
    for (const ConfigEntry& entry : table)
      if (entry.key == key) {
        ConfigNode copy = entry.node;
        read_value(copy, join_path(path, key), member, range);
      }
  });
  for (const ConfigEntry& entry : table) {
    bool found = false;
    for (const std::string& key : known) found = found || key == entry.key;
    if (!found) unknown_key(entry.place, path, entry.key, known);
  }
}

template <class T>
void read_value(ConfigNode& node, const std::string& path, T& value, const Range& range) {
  if constexpr (IsOptional<T>::value) {
    typename T::value_type inner{};
    read_value(node, path, inner, range);
    value = std::move(inner);
  } else if constexpr (IsVector<T>::value) {
    T list;
    for (ConfigNode item : as_list(node, path)) {
      typename T::value_type inner{};
      read_value(item, path + "[" + std::to_string(list.size()) + "]", inner, range);
      list.push_back(std::move(inner));
    }
    value = std::move(list);
  } else if constexpr (Configuration<T>) {
    read_table(node, path, value);
  } else if constexpr (NamedEnum<T>) {
    value = enum_names(T{})[find_enum(node, path, names_of<T>())].value;
  } else if constexpr (std::same_as<T, bool> || std::same_as<T, std::string>) {
    read_scalar(node, path, value);
  } else if constexpr (std::integral<T>) {
    int64_t number = 0;
    read_scalar(node, path, number);
    check_integer(node, path, number, static_cast<int64_t>(std::numeric_limits<T>::min()),
                  static_cast<uint64_t>(std::numeric_limits<T>::max()));
    check_range(node, path, static_cast<double>(number), range);
    value = static_cast<T>(number);
  } else {
    static_assert(std::floating_point<T>,
                  "a field is bool, a number, text, an enum with enum_names, a configuration, or a list of these");
    double number = 0;
    read_scalar(node, path, number);
    check_range(node, path, number, range);
    value = static_cast<T>(number);
  }
}

template <class T>
ConfigNode value_node(const T& value);

template <Configuration T>
ConfigNode table_node(const T& config) {
  ConfigTable table;
  // fields() takes a mutable reference so that one list serves both ways; this visit only reads.
  fields(const_cast<T&>(config), [&](const char* key, const auto& member, const Range& = {}) {
    if constexpr (IsOptional<std::remove_cvref_t<decltype(member)>>::value) {
      if (member) table.push_back({key, value_node(*member), ""});
    } else {
      table.push_back({key, value_node(member), ""});
    }
  });
  return {std::move(table), ""};
}

template <class T>
ConfigNode value_node(const T& value) {
  if constexpr (IsVector<T>::value) {
    ConfigList list;
    for (const auto& item : value) list.push_back(value_node<typename T::value_type>(item));
    return {std::move(list), ""};
  } else if constexpr (Configuration<T>) {
    return table_node(value);
  } else if constexpr (NamedEnum<T>) {
    for (const auto& entry : enum_names(T{}))
      if (entry.value == value) return {std::string(entry.name), ""};
    return {std::string(), ""};
  } else if constexpr (std::same_as<T, bool> || std::same_as<T, std::string>) {
    return {value, ""};
  } else if constexpr (std::integral<T>) {
    return {static_cast<int64_t>(value), ""};
  } else if constexpr (std::same_as<T, float>) {
    return {shortest_double(value), ""};
  } else {
    return {static_cast<double>(value), ""};
  }
}

/// Follows `keys` (the rest of an override's path) into value and reads the text there.
template <class T>
void override_value(T& value, const std::vector<std::string>& keys, size_t at, const std::string& path,
                    ConfigNode& text, const Range& range) {
  if (at == keys.size()) return read_value(text, path, value, range);
  if constexpr (IsOptional<T>::value) {
    typename T::value_type inner = value.value_or(typename T::value_type{});
    override_value(inner, keys, at, path, text, range);
    value = std::move(inner);
  } else if constexpr (IsVector<T>::value && !std::same_as<T, std::vector<bool>>) {
    const size_t index = element_index(text.place, path, keys[at], value.size());
    override_value(value[index], keys, at + 1, path + "[" + keys[at] + "]", text, range);
  } else if constexpr (Configuration<T>) {
    std::vector<std::string> known;
    bool found = false;
    fields(value, [&](const char* key, auto& member, const Range& inner_range = {}) {
      known.emplace_back(key);
      if (keys[at] != key) return;
      found = true;
      override_value(member, keys, at + 1, join_path(path, key), text, inner_range);
    });
    if (!found) unknown_key(text.place, path, keys[at], known);
  } else {
    unknown_key(text.place, path, keys[at], {});
  }
}

struct Override {
  std::vector<std::string> keys;
  ConfigNode text;
};
Override parse_override(const std::string& assignment);

}  // namespace detail

/// Sets the fields that the tree names; the others keep their values. Lists are replaced, not extended.
template <class T>
void read_config(T& config, const ConfigNode& node) {
  ConfigNode copy = node;
  detail::read_table(copy, "", config);
}

/// Reads a TOML file into a configuration. Throws Error when it cannot be read, UsageError when it is wrong.
ConfigNode read_toml_file(const std::string& path);
template <class T>
void read_config_file(T& config, const std::string& path) {
  read_config(config, read_toml_file(path));
}

/// Applies "train.steps=200": the path of a field (elements of lists by number: "blocks.0.kind=mlp") and a value in
/// TOML, where text needs no quotes and a list no brackets ("sizes=1,2,3").
template <class T>
void override_config(T& config, const std::string& assignment) {
  detail::Override change = detail::parse_override(assignment);
  detail::override_value(config, change.keys, 0, "", change.text, {});
}

/// The configuration as a tree, every field included (an empty optional excepted): print_toml(config_node(c)) reads
/// back as c.
template <class T>
ConfigNode config_node(const T& config) {
  return detail::table_node(config);
}

}  // namespace strata
