#include "strata/formats/json_fields.h"

#include <cmath>
#include <set>

#include "strata/base/error.h"
#include "strata/base/file.h"

namespace strata {
namespace {

using nlohmann::json;

constexpr int kDeepest = 64;

}  // namespace

json parse_json(std::string_view text, const std::string& name) {
  // The library takes a NUL for the end of the text and would ignore what follows.
  if (text.find('\0') != std::string_view::npos) fail(name, ": malformed JSON: there is a NUL byte in it");
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kDeepest) fail(name, ": expected at most ", kDeepest, " levels of nesting in JSON, found more");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      fail(name, ": the key ", shown(parsed), " stands twice in one object");
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::exception& error) {
    fail(name, ": malformed JSON: ", std::string(error.what()).substr(0, 400));
  }
}

json read_json(const std::string& path, uint64_t max_bytes) {
  return parse_json(read_text(path, max_bytes), path);
}

std::string shown(const json& value) {
  constexpr size_t kMost = 60;
  if (value.is_object()) return "an object";
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
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
