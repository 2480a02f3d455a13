#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

/// Parses a JSON text that cannot be trusted into a tree. Throws Error for malformed text, a key that stands twice in
/// one object, and nesting beyond 64 levels; `name` is the file in messages.
nlohmann::json parse_json(std::string_view text, const std::string& name);
/// The same, with the keys in the order of the text.
nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& name);
/// parse_json of a file of at most max_bytes.
nlohmann::json read_json(const std::string& path, uint64_t max_bytes);

/// Typed reading of the keys of an object. A key that is absent or null gives the value passed in ("fallback"); one of
/// another type or out of range throws Error naming file, key, what was expected and what was found. Keys nobody asks
/// for are left alone.
class JsonFields {
 public:
  /// `object` must outlive this; throws when it is no object.
  JsonFields(const nlohmann::json& object, std::string file);

  const std::string& file() const { return file_; }
  /// nullptr when absent or null.
  const nlohmann::json* find(const char* key) const;

  /// Whole numbers only: 16.5, 16.0 and "16" are refused.
  int64_t integer(const char* key, int64_t fallback, int64_t low, int64_t high) const;
  uint64_t natural(const char* key, uint64_t fallback) const;
  double number(const char* key, double fallback, double low = std::numeric_limits<double>::lowest(),
                double high = std::numeric_limits<double>::max()) const;
  bool boolean(const char* key, bool fallback) const;
  std::string text(const char* key, const std::string& fallback) const;
  std::vector<std::string> texts(const char* key, const std::vector<std::string>& fallback) const;
  std::vector<double> numbers(const char* key, const std::vector<double>& fallback) const;

  /// "config.json: hidden_size: expected ..., found ...".
  [[noreturn]] void refuse(const char* key, const std::string& expected) const;

 private:
  const nlohmann::json* object_;
  std::string file_;
};

/// A value as it stands in a message: its JSON text, shortened.
std::string shown(const nlohmann::json& value);

}  // namespace strata
