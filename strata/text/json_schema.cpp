#include "strata/text/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "strata/base/error.h"
#include "strata/text/json_pattern.h"

namespace strata {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostRules = 20'000;
constexpr int kDeepest = 100;
constexpr int64_t kMostItems = 10'000;
constexpr uint64_t kMostCompared = 200'000;

// Rules that schemas share; each is written when it is first asked for, after those it names.
struct Shared {
  std::string_view name, body, needs;
};
constexpr std::array kShared = std::to_array<Shared>({
    {"ws", R"("" | " " | "\n" [ \t]{0,20})", ""},
    {"hex", R"([0-9a-fA-F])", ""},
    {"char", R"([^"\\\x00-\x1f\x7f] | "\\" (["\\/bfnrt] | "u" ([0-9a-cA-CeEfF] hex hex hex | [dD] [0-7] hex hex)))",
     "hex"},
    {"string", R"("\"" char* "\"")", "char"},
    {"integer", R"("-"? ("0" | [1-9] [0-9]{0,17}))", ""},
    {"number", R"("-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9] [0-9]?)?)", ""},
    {"boolean", R"("true" | "false")", ""},
    {"null", R"("null")", ""},
    {"value", "object | array | string | number | boolean | null", "object array string number boolean null"},
    {"object", R"("{" ws (string ":" ws value ("," ws string ":" ws value)*)? ws "}")", "ws string value"},
    {"array", R"("[" ws (value ("," ws value)*)? ws "]")", "ws value"},
    {"date", R"([0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))", ""},
    {"time",
     R"(([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{3})? ("Z" | [+-] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]))",
     ""},
    {"uuid", R"(hex{8} "-" hex{4} "-" hex{4} "-" hex{4} "-" hex{12})", "hex"},
});

// Keywords that say nothing about which values are valid.
const std::set<std::string> kAnnotations = {"title",     "description", "default", "examples",        "$schema",
                                            "$id",       "$comment",    "$anchor", "deprecated",      "readOnly",
                                            "writeOnly", "definitions", "$defs",   "contentMediaType"};

constexpr std::array<const char*, 4> kBounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out.append("\\").append(1, c);
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

std::string literal(const Json& value) {
  return quoted(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// ---- whole numbers in a range, as decimal digits

std::string digit_range(char low, char high) {
  return low == high ? fmt::format("\"{}\"", low) : fmt::format("[{}-{}]", low, high);
}

std::string any_digits(size_t count) {
  return count == 0 ? "" : fmt::format(" [0-9]{{{}}}", count);
}

// Digits of one length from low to high.
std::string same_length(const std::string& low, const std::string& high) {
  if (low.empty()) return "\"\"";
  if (low[0] == high[0])
    return digit_range(low[0], low[0]) +
           (low.size() > 1 ? " (" + same_length(low.substr(1), high.substr(1)) + ")" : "");
  const size_t rest = low.size() - 1;
  if (low == low.substr(0, 1) + std::string(rest, '0') && high == high.substr(0, 1) + std::string(rest, '9'))
    return digit_range(low[0], high[0]) + any_digits(rest);
  std::string out = digit_range(low[0], low[0]) + " (" + same_length(low.substr(1), std::string(rest, '9')) + ")";
  if (low[0] + 1 < high[0])
    out += " | " + digit_range(static_cast<char>(low[0] + 1), static_cast<char>(high[0] - 1)) + any_digits(rest);
  return out + " | " + digit_range(high[0], high[0]) + " (" + same_length(std::string(rest, '0'), high.substr(1)) + ")";
}

// Naturals from low to high, both included.
std::string naturals(uint64_t low, uint64_t high) {
  std::string out;
  for (uint64_t begin = low;;) {
    const std::string digits = std::to_string(begin);
    const uint64_t most = digits.size() >= 19 ? high : std::stoull(std::string(digits.size(), '9'));
    const uint64_t end = std::min(high, most);
    out += (out.empty() ? "" : " | ") + same_length(digits, std::to_string(end));
    if (end == high) return out;
    begin = end + 1;
  }
}

std::string integers(int64_t low, int64_t high) {
  std::string out;
  if (low < 0) {
    const auto least = static_cast<uint64_t>(high < 0 ? -high : 1);
    out = "\"-\" (" + naturals(least, static_cast<uint64_t>(-low)) + ")";
  }
  if (high >= 0)
    out += (out.empty() ? "" : " | ") +
           naturals(static_cast<uint64_t>(std::max<int64_t>(low, 0)), static_cast<uint64_t>(high));
  return out;
}

class Writer {
 public:
  Writer(const Json& root, const std::string& name) : root_(root), name_(name) {}

  std::string run() {
    const std::string body = "ws " + rule(root_, "#");
    return "root ::= " + body + " ws\n" + shared("ws") + text_;
  }

 private:
  template <class... Parts>
  [[noreturn]] void reject(const std::string& place, const Parts&... parts) const {
    fail(name_, ": ", place, ": ", parts...);
  }

  // Writes a shared rule, and what it needs, once; returns nothing: it stands in text_.
  std::string shared(std::string_view name) {
    if (!written_.insert(std::string(name)).second) return "";
    const auto& entry =
        *std::find_if(kShared.begin(), kShared.end(), [&](const Shared& each) { return each.name == name; });
    text_ += fmt::format("{} ::= {}\n", entry.name, entry.body);
    for (size_t at = 0; at < entry.needs.size();) {
      const size_t end = std::min(entry.needs.find(' ', at), entry.needs.size());
      shared(entry.needs.substr(at, end - at));
      at = end + 1;
    }
    return "";
  }
  std::string use(std::string_view name) {
    shared(name);
    return std::string(name);
  }

  // A rule of its own for a schema; its name.
  std::string rule(const Json& schema, const std::string& place) {
    if (const auto known = names_.find(&schema); known != names_.end()) return known->second;
    if (names_.size() == kMostRules) reject(place, "expected at most ", kMostRules, " schemas, found more");
    if (++depth_ > kDeepest) reject(place, "expected at most ", kDeepest, " schemas inside each other, found more");
    std::string name = "r" + std::to_string(names_.size());
    names_.emplace(&schema, name);
    const std::string body = this->body(schema, place);
    text_ += name + " ::= " + body + "\n";
    --depth_;
    return name;
  }

  void allow(const Json& schema, const std::string& place, const std::set<std::string>& known) const {
    for (const auto& [key, value] : schema.items())
      if (!known.contains(key) && !kAnnotations.contains(key))
        reject(place, "the keyword '", key.substr(0, 80), "' is not followed here");
  }

  std::string body(const Json& schema, const std::string& place) {
    if (schema.is_boolean()) {
      if (!schema.get<bool>()) reject(place, "false: nothing can fulfil it");
      return use("value");
    }
    if (!schema.is_object()) reject(place, "expected a schema, an object or true");
    if (schema.contains("$ref")) {
      allow(schema, place, {"$ref"});
      return reference(schema["$ref"], place);
    }
    if (schema.contains("const")) {
      allow(schema, place, {"const", "type"});
      return among({schema["const"]}, schema, place);
    }
    if (schema.contains("enum")) {
      allow(schema, place, {"enum", "type"});
      const Json& values = schema["enum"];
      if (!values.is_array()) reject(place, "enum: expected a list");
      return among(std::vector<Json>(values.begin(), values.end()), schema, place);
    }
    for (const char* key : {"anyOf", "oneOf", "allOf"})
      if (schema.contains(key)) {
        allow(schema, place, {key});
        return alternatives(schema[key], place, key);
      }
    const auto types = types_of(schema, place);
    if (types.empty()) {
      // Without a type a keyword such as minLength binds texts only, and everything else would be valid.
      allow(schema, place, {});
      return use("value");
    }
    std::set<std::string> known{"type"};
    std::string out;
    for (const auto& type : types) out += (out.empty() ? "" : " | ") + of_type(type, schema, place, known);
    allow(schema, place, known);
    return out;
  }

  std::vector<std::string> types_of(const Json& schema, const std::string& place) const {
    std::vector<std::string> types;
    if (schema.contains("type")) {
      const Json& type = schema["type"];
      for (const Json& each : type.is_array() ? type : Json::array({type})) {
        if (!each.is_string()) reject(place, "type: expected a name or a list of names");
        types.push_back(each.get<std::string>());
      }
      if (types.empty()) reject(place, "type: expected at least one name");
    } else if (schema.contains("properties")) {
      types = {"object"};
    }
    return types;
  }

  std::string among(const std::vector<Json>& values, const Json& schema, const std::string& place) const {
    const auto types = types_of(schema, place);
    std::string out;
    for (const Json& value : values) {
      const bool fits = types.empty() || std::any_of(types.begin(), types.end(),
                                                     [&](const std::string& type) { return is_type(value, type); });
      if (fits) out += (out.empty() ? "" : " | ") + literal(value);
    }
    if (out.empty()) reject(place, "no value of enum or const has the type asked for");
    return out;
  }

  template <class AnyJson>
  static bool is_type(const AnyJson& value, const std::string& type) {
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    if (type == "array") return value.is_array();
    return type == "object" && value.is_object();
  }

  std::string reference(const Json& target, const std::string& place) {
    if (!target.is_string() || !target.get<std::string>().starts_with("#"))
      reject(place, "$ref: expected a place in this schema such as #/$defs/name");
    const std::string text = target.get<std::string>();
    const Json* found = nullptr;
    try {
      found = &root_.at(Json::json_pointer(text.substr(1)));
    } catch (const Json::exception&) {
      reject(place, "$ref: there is no ", text.substr(0, 200));
    }
    return rule(*found, text);
  }

  std::string alternatives(const Json& list, const std::string& place, const std::string& key) {
    if (!list.is_array() || list.empty()) reject(place, key, ": expected a list of schemas");
    if (key == "allOf" && list.size() > 1) reject(place, "allOf of several schemas is not followed; write one schema");
    if (key == "oneOf")
      for (size_t a = 0; a < list.size(); ++a)
        for (size_t b = a + 1; b < list.size(); ++b)
          if (!disjoint(resolved(list[a]), resolved(list[b])))
            reject(place, "oneOf: alternatives ", a, " and ", b,
                   " could both hold; give them different types or a const property, or write anyOf");
    std::string out;
    for (size_t i = 0; i < list.size(); ++i)
      out += (i > 0 ? " | " : "") + rule(list[i], fmt::format("{}/{}/{}", place, key, i));
    return out;
  }

  // What a $ref leads to, as far as that is needed to compare.
  const Json& resolved(const Json& schema) const {
    const Json* at = &schema;
    for (int i = 0; i < kDeepest && at->is_object() && at->contains("$ref") && (*at)["$ref"].is_string(); ++i) {
      const std::string text = (*at)["$ref"].get<std::string>();
      try {
        if (!text.starts_with("#")) break;
        at = &root_.at(Json::json_pointer(text.substr(1)));
      } catch (const Json::exception&) {
        break;
      }
    }
    return *at;
  }

  // The values of const and enum, to compare: objects of the same members in another order are equal there. Nothing when
  // others are possible.
  static std::optional<std::vector<nlohmann::json>> values_of(const Json& schema) {
    if (!schema.is_object()) return std::nullopt;
    if (schema.contains("const")) return std::vector<nlohmann::json>{schema["const"]};
    if (schema.contains("enum") && schema["enum"].is_array())
      return std::vector<nlohmann::json>(schema["enum"].begin(), schema["enum"].end());
    return std::nullopt;
  }

  bool disjoint(const Json& a, const Json& b) const {
    const auto of_a = values_of(a), of_b = values_of(b);
    compared_ += 1 + (of_a ? of_a->size() : 0) * (of_b ? of_b->size() : 0);
    if (compared_ > kMostCompared)
      fail(name_, ": oneOf: expected fewer alternatives and values to tell apart; write anyOf");
    if (of_a && of_b)
      return std::none_of(of_a->begin(), of_a->end(), [&](const nlohmann::json& value) {
        return std::find(of_b->begin(), of_b->end(), value) != of_b->end();
      });
    const auto types = [&](const Json& schema, const std::optional<std::vector<nlohmann::json>>& values) {
      std::set<std::string> result;
      if (values) {
        for (const nlohmann::json& value : *values)
          for (const char* type : {"number", "string", "boolean", "null", "array", "object"})
            if (is_type(value, type)) result.insert(type);
      } else if (schema.is_object()) {
        for (const auto& type : types_of(schema, "oneOf")) result.insert(type == "integer" ? "number" : type);
      }
      return result;
    };
    const auto types_a = types(a, of_a), types_b = types(b, of_b);
    const bool share =
        std::any_of(types_a.begin(), types_a.end(), [&](const auto& type) { return types_b.contains(type); });
    if (!types_a.empty() && !types_b.empty() && !share) return true;
    return types_a == std::set<std::string>{"object"} && types_b == types_a && told_apart(a, b);
  }

  // Two objects that both require a property whose values differ.
  bool told_apart(const Json& a, const Json& b) const {
    const auto asks_for = [](const Json& schema, const std::string& key) {
      return schema.contains("required") && schema["required"].is_array() &&
             std::find(schema["required"].begin(), schema["required"].end(), Json(key)) != schema["required"].end();
    };
    if (!a.is_object() || !b.is_object() || !a.contains("properties") || !b.contains("properties")) return false;
    for (const auto& [key, inner] : a["properties"].items())
      if (b["properties"].is_object() && b["properties"].contains(key) && asks_for(a, key) && asks_for(b, key)) {
        const auto of_a = values_of(inner), of_b = values_of(b["properties"][key]);
        if (of_a && of_b && disjoint(inner, b["properties"][key])) return true;
      }
    return false;
  }

  std::string of_type(const std::string& type, const Json& schema, const std::string& place,
                      std::set<std::string>& known) {
    if (type == "string") return string(schema, place, known);
    if (type == "integer") return integer(schema, place, known);
    if (type == "number")
      for (const char* key : kBounds)
        if (schema.contains(key)) reject(place, key, " is followed for whole numbers only");
    if (type == "number" || type == "boolean" || type == "null") return use(type);
    if (type == "array") return array(schema, place, known);
    if (type == "object") return object(schema, place, known);
    reject(place, "type: expected string, integer, number, boolean, null, array or object, found ", type.substr(0, 80));
  }

  int64_t count(const Json& schema, const char* key, int64_t fallback, const std::string& place) const {
    if (!schema.contains(key)) return fallback;
    const Json& value = schema[key];
    if (!value.is_number_unsigned() || value.get<uint64_t>() > kMostItems)
      reject(place, key, ": expected a whole number from 0 to ", kMostItems);
    return value.get<int64_t>();
  }

  std::string string(const Json& schema, const std::string& place, std::set<std::string>& known) {
    known.insert({"minLength", "maxLength", "pattern", "format"});
    const bool sized = schema.contains("minLength") || schema.contains("maxLength");
    if (schema.contains("pattern")) {
      if (sized || schema.contains("format")) reject(place, "pattern together with a length or format is not followed");
      if (!schema["pattern"].is_string()) reject(place, "pattern: expected a text");
      use("char");
      return "\"\\\"\" (" + json_pattern_to_grammar(schema["pattern"].get<std::string>(), name_ + ": " + place) +
             ") \"\\\"\"";
    }
    if (schema.contains("format")) {
      const std::string format = schema["format"].is_string() ? schema["format"].get<std::string>() : "";
      if (sized) reject(place, "format together with a length is not followed");
      if (format == "date-time") return "\"\\\"\" " + use("date") + " \"T\" " + use("time") + " \"\\\"\"";
      if (format != "date" && format != "time" && format != "uuid")
        reject(place, "format: expected date, time, date-time or uuid, found ", format.substr(0, 80));
      return "\"\\\"\" " + use(format) + " \"\\\"\"";
    }
    if (!sized) return use("string");
    const int64_t least = count(schema, "minLength", 0, place), most = count(schema, "maxLength", -1, place);
    if (most >= 0 && most < least) reject(place, "maxLength is below minLength");
    return fmt::format("\"\\\"\" {}{{{},{}}} \"\\\"\"", use("char"), least, most < 0 ? "" : std::to_string(most));
  }

  std::string integer(const Json& schema, const std::string& place, std::set<std::string>& known) {
    known.insert(kBounds.begin(), kBounds.end());
    constexpr int64_t most = 999'999'999'999'999'999;
    int64_t low = -most, high = most;
    bool bound = false;
    const auto read = [&](const char* key, int64_t step, int64_t& to, bool upper) {
      if (!schema.contains(key)) return;
      const Json& value = schema[key];
      if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{most}) ||
          value.get<int64_t>() < -most || value.get<int64_t>() > most)
        reject(place, key, ": expected a whole number of at most 18 digits");
      to = upper ? std::min(to, value.get<int64_t>() + step) : std::max(to, value.get<int64_t>() + step);
      bound = true;
    };
    read("minimum", 0, low, false);
    read("exclusiveMinimum", 1, low, false);
    read("maximum", 0, high, true);
    read("exclusiveMaximum", -1, high, true);
    if (!bound) return use("integer");
    if (low > high) reject(place, "no whole number lies within minimum and maximum");
    return "(" + integers(low, high) + ")";
  }

  std::string array(const Json& schema, const std::string& place, std::set<std::string>& known) {
    known.insert({"items", "prefixItems", "minItems", "maxItems"});
    if (schema.contains("uniqueItems") && schema["uniqueItems"] == Json(false)) known.insert("uniqueItems");
    std::vector<std::string> first;
    if (schema.contains("prefixItems")) {
      if (!schema["prefixItems"].is_array()) reject(place, "prefixItems: expected a list of schemas");
      for (const Json& item : schema["prefixItems"])
        first.push_back(rule(item, place + "/prefixItems/" + std::to_string(first.size())));
    }
    const bool closed = schema.contains("items") && schema["items"] == Json(false);
    const int64_t least = count(schema, "minItems", 0, place);
    int64_t most = count(schema, "maxItems", -1, place);
    const auto prefix = std::ssize(first);
    if (closed) most = most < 0 ? prefix : std::min(most, prefix);
    if (most >= 0 && most < least)
      reject(place, "no list is as long as minItems and as short as maxItems and items ask for");
    std::string further;
    if (most < 0 || most > prefix)
      further = schema.contains("items") ? rule(schema["items"], place + "/items") : use("value");
    // From the back: what follows item i, if anything.
    const auto item = [&](int64_t i) {
      return std::string(i > 0 ? "\",\" ws " : "") + (i < prefix ? first[static_cast<size_t>(i)] : further);
    };
    std::string tail;
    if (most < 0 || most > prefix) {
      const int64_t needed = std::max<int64_t>(least - prefix, 0), left = most < 0 ? -1 : most - prefix;
      const std::string bounds = [&](int64_t minus) {
        const int64_t low = std::max<int64_t>(needed - minus, 0);
        return fmt::format("{{{},{}}}", low, left < 0 ? "" : std::to_string(left - minus));
      }(prefix == 0 ? 1 : 0);
      tail = prefix > 0 ? "(" + item(prefix) + ")" + bounds : item(0) + " (\",\" ws " + further + ")" + bounds;
      if (prefix == 0 && least == 0) tail = "(" + tail + ")?";
    }
    for (int64_t i = std::min(prefix, most < 0 ? prefix : most) - 1; i >= 0; --i) {
      tail = fmt::format("{}{}{}", item(i), tail.empty() ? "" : " ", tail);
      if (i >= least) tail = fmt::format("({})?", tail);
    }
    return "\"[\" ws " + tail + " ws \"]\"";
  }

  std::string object(const Json& schema, const std::string& place, std::set<std::string>& known) {
    known.insert({"properties", "required", "additionalProperties"});
    const Json empty = Json::object();
    const Json& properties = schema.contains("properties") ? schema["properties"] : empty;
    if (!properties.is_object()) reject(place, "properties: expected an object");
    std::vector<std::string> required;
    if (schema.contains("required")) {
      if (!schema["required"].is_array()) reject(place, "required: expected a list of names");
      for (const Json& key : schema["required"]) {
        if (!key.is_string()) reject(place, "required: expected a list of names");
        required.push_back(key.get<std::string>());
      }
    }
    // An ordered_json looks through all its keys each time.
    const std::set<std::string> needed(required.begin(), required.end());
    std::set<std::string> described;
    struct Member {
      std::string text;
      bool required;
    };
    std::vector<Member> members;
    const auto member = [&](const std::string& key, const std::string& value) {
      members.push_back({literal(key) + " \":\" ws " + value, needed.contains(key)});
    };
    const Json* additional = schema.contains("additionalProperties") ? &schema["additionalProperties"] : nullptr;
    for (const auto& [key, inner] : properties.items()) {
      described.insert(key);
      // A property that nothing fulfils is left out.
      if (inner == Json(false) && !needed.contains(key)) continue;
      member(key, rule(inner, fmt::format("{}/properties/{}", place, key)));
    }
    std::set<std::string> named;
    for (const std::string& key : required)
      if (!described.contains(key) && named.insert(key).second)
        member(key, additional ? rule(*additional, place + "/additionalProperties") : use("value"));
    if (members.empty()) {
      if (!additional && !schema.contains("properties")) return use("object");
      if (!additional || *additional == Json(false)) return "\"{\" ws \"}\"";
      const std::string entry = use("string") + " \":\" ws " + rule(*additional, place + "/additionalProperties");
      return "\"{\" ws (" + entry + " (\",\" ws " + entry + ")*)? ws \"}\"";
    }
    // Rules "what may follow when nothing / something was written", from the last member to the first: no rule grows
    // with the number of members, however many of them are optional.
    std::string first = "\"\"", later = "\"\"";
    const std::string base = fmt::format("m{}-{}-", names_.size(), objects_++);
    for (size_t i = members.size(); i-- > 0;) {
      const std::string begins = fmt::format("{} {}", members[i].text, later);
      const std::string or_first = members[i].required ? "" : " | " + first;
      const std::string or_later = members[i].required ? "" : " | " + later;
      first = fmt::format("{}f{}", base, i);
      later = fmt::format("{}l{}", base, i);
      text_ += fmt::format("{} ::= {}{}\n{} ::= \",\" ws {}{}\n", first, begins, or_first, later, begins, or_later);
    }
    return "\"{\" ws " + first + " ws \"}\"";
  }

  const Json& root_;
  const std::string& name_;
  std::map<const Json*, std::string> names_;
  std::set<std::string> written_;
  std::string text_;
  int depth_ = 0;
  int64_t objects_ = 0;
  mutable uint64_t compared_ = 0;  // alternatives and values, to tell them apart
};

}  // namespace

std::string json_schema_to_grammar(const Json& schema, const std::string& name) {
  return Writer(schema, name).run();
}

std::string json_object_grammar() {
  return json_schema_to_grammar(Json{{"type", "object"}});
}

}  // namespace strata
