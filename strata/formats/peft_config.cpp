#include "strata/formats/peft_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/unknown_keys.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kMostRank = int64_t{1} << 20, kMostLayer = int64_t{1} << 20;
constexpr const char* kAllLinear = "all-linear";

const Keys& known() {
  static const Keys keys{"alpha_pattern",
                         "bias",
                         "exclude_modules",
                         "fan_in_fan_out",
                         "layers_pattern",
                         "layers_to_transform",
                         "lora_alpha",
                         "modules_to_save",
                         "r",
                         "rank_pattern",
                         "target_modules",
                         "use_rslora"};
  return keys;
}

// Keys that say how an adapter was trained or started, not what it computes once its tensors are there.
const Keys& harmless() {
  static const Keys keys{"auto_mapping",      "base_model_name_or_path",
                         "inference_mode",    "init_lora_weights",
                         "lora_dropout",      "megatron_config",
                         "megatron_core",     "peft_version",
                         "qalora_group_size", "revision",
                         "runtime_config",    "loftq_config",
                         "eva_config",        "corda_config",
                         "lora_ga_config",    "task_type",
                         "peft_type"};
  return keys;
}

// Ends of paths match at dots: "q_proj" and "attn.q_proj" end "model.layers.0.attn.q_proj", "proj" does not.
bool ends_with_name(std::string_view path, std::string_view name) {
  return path == name ||
         (path.size() > name.size() && path.ends_with(name) && path[path.size() - name.size() - 1] == '.');
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (true) {
    const size_t dot = path.find('.');
    segments.push_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return segments;
    path.remove_prefix(dot + 1);
  }
}

// The number of the layer a module belongs to: the first behind one of `patterns`, or behind any two names. -1: none.
int64_t layer_of(const std::string& module, const std::vector<std::string>& patterns) {
  const auto segments = segments_of(module);
  const auto number = [](std::string_view text) {
    int64_t value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? value : -1;
  };
  if (patterns.empty()) {
    for (size_t i = 2; i + 1 < segments.size(); ++i)
      if (number(segments[i]) >= 0) return number(segments[i]);
    return -1;
  }
  for (const auto& pattern : patterns)
    for (size_t i = 1; i + 1 < segments.size(); ++i)
      if (segments[i - 1] == pattern && number(segments[i]) >= 0) return number(segments[i]);
  return -1;
}

bool all_linear(const PeftModules& modules) {
  return modules.names.size() == 1 && modules.names[0] == kAllLinear;
}

// A list of names, or one expression as a text.
PeftModules read_modules(const JsonFields& fields, const char* key) {
  PeftModules modules;
  const json* value = fields.find(key);
  if (value == nullptr) return modules;
  if (!value->is_string()) {
    modules.names = fields.texts(key, {});
    return modules;
  }
  const auto text = value->get<std::string>();
  modules.expression.emplace(text, PathExpression::Part::whole, fields.file() + ": " + key);
  return modules;
}

PeftModules read_targets(const JsonFields& fields) {
  const json* value = fields.find("target_modules");
  if (value == nullptr) fields.refuse("target_modules", "names of modules");
  if (value->is_string()) {
    std::string lower = value->get<std::string>();
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    if (lower == kAllLinear) return {{lower}, std::nullopt};
  }
  PeftModules modules = read_modules(fields, "target_modules");
  if (modules.empty()) fields.refuse("target_modules", "at least one name");
  return modules;
}

// In the order of the file, which decides where several match; nlohmann::json sorts keys.
template <class Number, class Read>
std::vector<std::pair<PathExpression, Number>> read_pattern(const JsonFields& fields, const ordered_json& in_order,
                                                            const char* key, Read&& read) {
  std::vector<std::pair<PathExpression, Number>> result;
  const json* table = fields.find(key);
  if (table == nullptr) return result;
  if (!table->is_object()) fields.refuse(key, "an object of module names and numbers");
  const std::string where = fields.file() + ": " + key;
  const JsonFields inner(*table, where);
  for (const auto& [expression, value] : in_order.at(key).items()) {
    const char* const name = expression.c_str();
    if (expression.find('\0') != std::string::npos || value.is_null()) inner.refuse(name, "a number for a module name");
    result.emplace_back(PathExpression(expression, PathExpression::Part::end, where), read(inner, name));
  }
  return result;
}

// [1, 3], or 3 alone.
std::vector<int64_t> read_layers(const JsonFields& fields) {
  constexpr const char* key = "layers_to_transform";
  const json* value = fields.find(key);
  if (value == nullptr) return {};
  const json list = value->is_array() ? *value : json::array({*value});
  std::vector<int64_t> layers;
  for (const json& item : list) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > uint64_t{kMostLayer})
      fields.refuse(key, "numbers of layers");
    layers.push_back(item.get<int64_t>());
  }
  return layers;
}

// "layers", or ["layers", "h"].
std::vector<std::string> read_layers_pattern(const JsonFields& fields) {
  constexpr const char* key = "layers_pattern";
  const json* value = fields.find(key);
  if (value == nullptr) return {};
  std::vector<std::string> names = value->is_string() ? std::vector{value->get<std::string>()} : fields.texts(key, {});
  std::erase(names, "");
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (const auto& name : names)
    if (!std::all_of(name.begin(), name.end(), plain)) fields.refuse(key, "names such as layers, without dots");
  return names;
}

// What PEFT itself refuses, or cannot be told.
void check(const JsonFields& fields, const PeftConfig& config) {
  if (config.target_modules.expression)
    for (const char* key : {"layers_to_transform", "layers_pattern"})
      if (fields.find(key)) fields.refuse(key, "null, as target_modules is an expression for whole paths");
  if (!config.layers_pattern.empty() && config.layers_to_transform.empty())
    fields.refuse("layers_pattern", "null, as layers_to_transform names no layers");
  if (config.bias != "none" && config.bias != "all" && config.bias != "lora_only")
    fields.refuse("bias", "none, all or lora_only");
  for (const auto& name : config.modules_to_save)
    if (name.empty()) fields.refuse("modules_to_save", "names of modules");
}

template <class Number>
Number pattern_or(const std::vector<std::pair<PathExpression, Number>>& pattern, const std::string& module,
                  Number usual) {
  for (const auto& [expression, value] : pattern)
    if (expression.matches(module)) return value;
  return usual;
}

}  // namespace

PathExpression::PathExpression(std::string text, Part part, const std::string& who) : text_(std::move(text)) {
  (void)Pattern(text_, true, who, Dialect::perl);  // what is one only in brackets is none
  pattern_ = Pattern((part == Part::whole ? "\\A(?:" : "\\A(?:.*\\.)?(?:") + text_ + ")\\z", true, who, Dialect::perl);
}

bool PeftModules::contains(const std::string& path) const {
  if (expression) return expression->matches(path);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return ends_with_name(path, name); });
}

int64_t PeftConfig::rank_of(const std::string& module) const {
  return pattern_or(rank_pattern, module, rank);
}

double PeftConfig::scale_of(const std::string& module) const {
  const auto r = static_cast<double>(rank_of(module));
  return pattern_or(alpha_pattern, module, alpha) / (rslora ? std::sqrt(r) : r);
}

bool PeftConfig::targets(const std::string& module, bool linear) const {
  if (exclude_modules.contains(module) || saves(module)) return false;
  if (all_linear(target_modules)) return linear;
  if (!target_modules.contains(module)) return false;
  const auto& names = target_modules.names;
  const bool named_whole = std::find(names.begin(), names.end(), module) != names.end();
  if (layers_to_transform.empty() || named_whole) return true;
  const int64_t layer = layer_of(module, layers_pattern);
  return std::find(layers_to_transform.begin(), layers_to_transform.end(), layer) != layers_to_transform.end();
}

bool PeftConfig::saves(const std::string& module) const {
  // The module's path and those of what it is part of.
  for (size_t end = module.size(); end != std::string::npos;
       end = end == 0 ? std::string::npos : module.rfind('.', end - 1)) {
    const std::string_view path = std::string_view(module).substr(0, end);
    for (const auto& name : modules_to_save)
      if (path.ends_with(name)) return true;
  }
  return false;
}

PeftConfig peft_config_from_json(const std::string& text, const std::string& file) {
  const json tree = parse_json(text, file);
  const JsonFields fields(tree, file);
  const ordered_json in_order = parse_ordered_json(text, file);
  if (fields.text("peft_type", "") != "LORA") fields.refuse("peft_type", "\"LORA\", the only kind of adapter read");
  PeftConfig config;
  config.rank = fields.integer("r", config.rank, 1, kMostRank);
  config.alpha = fields.number("lora_alpha", config.alpha, -1e9, 1e9);
  config.dropout = fields.number("lora_dropout", 0, 0, 1);
  config.rslora = fields.boolean("use_rslora", false);
  config.fan_in_fan_out = fields.boolean("fan_in_fan_out", false);
  config.target_modules = read_targets(fields);
  config.exclude_modules = read_modules(fields, "exclude_modules");
  config.layers_to_transform = read_layers(fields);
  config.layers_pattern = read_layers_pattern(fields);
  config.rank_pattern =
      read_pattern<int64_t>(fields, in_order, "rank_pattern",
                            [](const JsonFields& in, const char* key) { return in.integer(key, 0, 1, kMostRank); });
  config.alpha_pattern =
      read_pattern<double>(fields, in_order, "alpha_pattern",
                           [](const JsonFields& in, const char* key) { return in.number(key, 0, -1e9, 1e9); });
  config.modules_to_save = fields.texts("modules_to_save", {});
  config.bias = fields.text("bias", "none");
  config.base_model = fields.text("base_model_name_or_path", "");
  config.task_type = fields.text("task_type", config.task_type);
  check(fields, config);

  refuse_unknown_keys(tree, file,
                      [](const std::string& key) { return known().contains(key) || harmless().contains(key); });
  // These started from other weights than the base model's unless they say otherwise.
  if (const json* init = fields.find("init_lora_weights"); init != nullptr && init->is_string()) {
    const auto kind = init->get<std::string>();
    for (const char* changed : {"pissa", "olora", "corda", "loftq", "lora_ga"})
      if (kind.starts_with(changed))
        fields.refuse("init_lora_weights",
                      "an adapter of the unchanged base model; convert it with PEFT "
                      "(save_pretrained with path_initial_model_for_weight_conversion)");
  }
  return config;
}

std::string peft_config_to_json(const PeftConfig& config) {
  const auto table = [](const auto& pattern) {
    ordered_json result = ordered_json::object();
    for (const auto& [expression, value] : pattern) result[expression.text()] = value;
    return result;
  };
  const auto modules = [](const PeftModules& given) -> ordered_json {
    if (given.expression) return given.expression->text();
    if (all_linear(given)) return kAllLinear;
    return given.names;
  };
  const auto list = [](const auto& values) { return values.empty() ? ordered_json() : ordered_json(values); };
  const ordered_json json{
      {"peft_type", "LORA"},
      {"task_type", config.task_type},
      {"base_model_name_or_path", config.base_model.empty() ? ordered_json() : ordered_json(config.base_model)},
      {"r", config.rank},
      {"lora_alpha", config.alpha},
      {"lora_dropout", config.dropout},
      {"target_modules", modules(config.target_modules)},
      {"exclude_modules", config.exclude_modules.empty() ? ordered_json() : modules(config.exclude_modules)},
      {"layers_to_transform", list(config.layers_to_transform)},
      {"layers_pattern", list(config.layers_pattern)},
      {"bias", config.bias},
      {"fan_in_fan_out", config.fan_in_fan_out},
      {"use_rslora", config.rslora},
      {"use_dora", false},
      {"rank_pattern", table(config.rank_pattern)},
      {"alpha_pattern", table(config.alpha_pattern)},
      {"modules_to_save", list(config.modules_to_save)},
      {"init_lora_weights", true},
      {"inference_mode", true}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace strata
