#include "strata/formats/json_fields.h"

#include <cmath>
#include <type_traits>
#include <unordered_set>

#include "strata/base/error.h"
#include "strata/base/file.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kDeepest = 64;

// Builds a tree from the events of nlohmann::json::sax_parse. The library's own builder looks through all keys of an
// object that keeps their order, at each new one.
template <class Json>
class TreeBuilder {
 public:
  explicit TreeBuilder(const std::string& name) : name_(name) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add(value); }
  bool number_unsigned(uint64_t value) { return add(value); }
  bool number_float(double value, const std::string&) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(typename Json::binary_t& value) { return add(Json::binary(std::move(value))); }
  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& key) {
    if (!levels_.back().keys.insert(key).second)
      fail(name_, ": the key ", shown(json(key)), " stands twice in one object");
    key_ = std::move(key);
    return true;
  }
  bool parse_error(size_t, const std::string&, const json::exception& error) {
    fail(name_, ": malformed JSON: ", std::string(error.what()).substr(0, 400));
  }

  Json take() { return std::move(root_); }

 private:
  struct Level {
    Json* value;
    std::unordered_set<std::string> keys;
  };

  bool add(Json value) {
    (void)put(std::move(value));
    return true;
  }
  bool open(Json value) {
    levels_.push_back({put(std::move(value)), {}});
    return true;
  }
  bool close() {
    levels_.pop_back();
    return true;
  }
  Json* put(Json value) {
    if (levels_.size() > kDeepest)
      fail(name_, ": expected at most ", kDeepest, " levels of nesting in JSON, found more");
    if (levels_.empty()) return &(root_ = std::move(value));
    Json& parent = *levels_.back().value;
    if (parent.is_array()) return &parent.emplace_back(std::move(value));
    auto& members = parent.template get_ref<typename Json::object_t&>();
    if constexpr (std::is_same_v<Json, ordered_json>)
      return &members.emplace_back(std::move(key_), std::move(value)).second;
    else
      return &members.emplace(std::move(key_), std::move(value)).first->second;
  }

  const std::string& name_;
  Json root_;
  std::string key_;
  std::vector<Level> levels_;
};

template <class Json>
Json parse(std::string_view text, const std::string& name) {
  // The library takes a NUL for the end of the text and would ignore what follows.
  if (text.find('\0') != std::string_view::npos) fail(name, ": malformed JSON: there is a NUL byte in it");
  TreeBuilder<Json> builder(name);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

}  // namespace

json parse_json(std::string_view text, const std::string& name) {
  return parse<json>(text, name);
}

ordered_json parse_ordered_json(std::string_view text, const std::string& name) {
  return parse<ordered_json>(text, name);
}

json read_json(const std::string& path, uint64_t max_bytes) {
  return parse_json(read_text(path, max_bytes), path);
}

std::string shown(const json& value) {
  constexpr size_t most = 60;
  if (value.is_object()) return "an object";
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > most) text = text.substr(0, most) + "...";
  return text;
}

JsonFields::JsonFields(const json& object, std::string file) : object_(&object), file_(std::move(file)) {
  if (!object.is_object()) fail(file_, ": expected an object, found ", shown(object));
}

const json* JsonFields::find(const char* key) const {
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

void JsonFields::refuse(const char* key, const std::string& expected) const {
  const json* value = find(key);
  fail(file_, ": ", key, ": expected ", expected, ", found ", value ? shown(*value) : "nothing");
}

int64_t JsonFields::integer(const char* key, int64_t fallback, int64_t low, int64_t high) const {
  const json* value = find(key);
  if (!value) return fallback;
  const bool fits =
      value->is_number_integer() &&
      (!value->is_number_unsigned() || value->get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()});
  if (!fits || value->get<int64_t>() < low || value->get<int64_t>() > high)
    refuse(key, "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return value->get<int64_t>();
}

uint64_t JsonFields::natural(const char* key, uint64_t fallback) const {
  const json* value = find(key);
  if (!value) return fallback;
  if (!value->is_number_unsigned()) refuse(key, "a whole number from 0 to 2^64 - 1");
  return value->get<uint64_t>();
}

double JsonFields::number(const char* key, double fallback, double low, double high) const {
  const json* value = find(key);
  if (!value) return fallback;
  if (!value->is_number() || !(value->get<double>() >= low && value->get<double>() <= high)) {
    std::string expected = "a number";
    if (low != std::numeric_limits<double>::lowest())
      expected += " from " + json(low).dump() + " to " + json(high).dump();
    refuse(key, expected);
  }
  return value->get<double>();
}

bool JsonFields::boolean(const char* key, bool fallback) const {
  const json* value = find(key);
  if (!value) return fallback;
  if (!value->is_boolean()) refuse(key, "true or false");
  return value->get<bool>();
}

std::string JsonFields::text(const char* key, const std::string& fallback) const {
  const json* value = find(key);
  if (!value) return fallback;
  if (!value->is_string()) refuse(key, "a text");
  return value->get<std::string>();
}

std::vector<std::string> JsonFields::texts(const char* key, const std::vector<std::string>& fallback) const {
  const json* value = find(key);
  if (!value) return fallback;
  if (!value->is_array()) refuse(key, "a list of texts");
  std::vector<std::string> result;
  for (const json& item : *value) {
    if (!item.is_string()) refuse(key, "a list of texts");
    result.push_back(item.get<std::string>());
  }
  return result;
}

std::vector<double> JsonFields::numbers(const char* key, const std::vector<double>& fallback) const {
  const json* value = find(key);
  if (!value) return fallback;
  if (!value->is_array()) refuse(key, "a list of numbers");
  std::vector<double> result;
  for (const json& item : *value) {
    if (!item.is_number()) refuse(key, "a list of numbers");
    result.push_back(item.get<double>());
  }
  return result;
}

}  // namespace strata
