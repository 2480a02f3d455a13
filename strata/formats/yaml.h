#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

struct YamlEntry;

/// A value of a YAML file, as written: text stays text until somebody asks for a number, so "no" is no truth value and
/// 1e3 no text.
struct YamlNode {
  enum class Kind : uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string text;     // of a scalar
  bool quoted = false;  // a scalar in quotes, or a block of text: never a number or a truth value
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  // of a map, in the order of the file; keys are unique
  std::string place;               // "merge.yml:3:7", for messages

  /// nullptr when this map has no such key, or nothing behind it.
  const YamlNode* find(std::string_view key) const;
  /// Each throws Error naming the place, what was expected and what was found.
  const std::string& as_text(std::string_view what) const;
  double as_number(std::string_view what) const;  // finite
  int64_t as_integer(std::string_view what) const;
  bool as_boolean(std::string_view what) const;  // true or false
  const std::vector<YamlNode>& as_list(std::string_view what) const;
  const std::vector<YamlEntry>& as_map(std::string_view what) const;
  [[noreturn]] void refuse(std::string_view what, std::string_view expected) const;
};

struct YamlEntry {
  std::string key;
  YamlNode value;
};

/// Reads one YAML 1.2 document that cannot be trusted. Throws Error for malformed text, a key that stands twice in one map
/// or is no scalar, tags, nesting beyond 32 levels, several documents, and more than 10,000 values, those that aliases
/// repeat counted each time; `name` is the file in messages.
YamlNode parse_yaml(std::string_view text, const std::string& name);
/// The same from a file of at most 256 KiB.
YamlNode read_yaml(const std::string& path);

}  // namespace strata
