#include "strata/formats/peft_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/formats/json_fields.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kMostRank = int64_t{1} << 20;

// Keys that say how an adapter was trained or started, not what it computes once its tensors are there.
const std::set<std::string, std::less<>>& harmless() {
  static const std::set<std::string, std::less<>> keys{"auto_mapping",      "base_model_name_or_path",
                                                       "inference_mode",    "init_lora_weights",
                                                       "lora_dropout",      "megatron_config",
                                                       "megatron_core",     "peft_version",
                                                       "qalora_group_size", "revision",
                                                       "runtime_config",    "loftq_config",
                                                       "eva_config",        "corda_config",
                                                       "lora_ga_config",    "task_type",
                                                       "peft_type",         "ensure_weight_tying",
                                                       "layers_pattern",    "monteclora_config"};
  return keys;
}

// Ends of paths match at dots: "q_proj" and "attn.q_proj" end "model.layers.0.attn.q_proj", "proj" does not.
bool ends_with_name(std::string_view path, std::string_view name) {
  return path == name ||
         (path.size() > name.size() && path.ends_with(name) && path[path.size() - name.size() - 1] == '.');
}

bool plain_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

// The names that "(a|b)", ".*\.(a|b)" and a plain name stand for; empty when it is another expression.
std::vector<std::string> names_of_expression(std::string_view text) {
  for (const std::string_view start : {".*\\.", ".*"})
    if (text.starts_with(start)) {
      text.remove_prefix(start.size());
      break;
    }
  if (text.starts_with("(") && text.ends_with(")")) text = text.substr(1, text.size() - 2);
  if (text.starts_with("?:")) text.remove_prefix(2);
  std::vector<std::string> names;
  while (true) {
    const size_t bar = text.find('|');
    const std::string_view name = text.substr(0, bar);
    if (!plain_name(name)) return {};
    names.emplace_back(name);
    if (bar == std::string_view::npos) return names;
    text.remove_prefix(bar + 1);
  }
}

std::vector<std::string> read_targets(const JsonFields& fields) {
  const json* value = fields.find("target_modules");
  if (value == nullptr) fields.refuse("target_modules", "names of modules");
  if (value->is_string()) {
    const auto text = value->get<std::string>();
    if (text == "all-linear") return {text};
    const auto names = names_of_expression(text);
    if (names.empty())
      fields.refuse("target_modules",
                    "names, \"all-linear\", or an expression of the form .*\\.(a|b); save the adapter "
                    "with a list of names");
    return names;
  }
  auto names = fields.texts("target_modules", {});
  for (const auto& name : names)
    if (!plain_name(name)) fields.refuse("target_modules", "names of modules");
  if (names.empty()) fields.refuse("target_modules", "at least one name");
  return names;
}

template <class Number, class Read>
std::vector<std::pair<std::string, Number>> read_pattern(const JsonFields& fields, const char* key, Read&& read) {
  std::vector<std::pair<std::string, Number>> result;
  const json* table = fields.find(key);
  if (table == nullptr) return result;
  if (!table->is_object()) fields.refuse(key, "an object of module names and numbers");
  const JsonFields inner(*table, fields.file() + ": " + key);
  for (const auto& [expression, value] : table->items()) {
    const auto names = names_of_expression(expression);
    if (names.empty())
      fail(fields.file(), ": ", key, ": expected names of modules or expressions of the form .*\\.(a|b), found ",
           in_quotes(expression));
    for (const auto& name : names) result.emplace_back(name, read(inner, expression));
  }
  return result;
}

template <class Number>
Number pattern_or(const std::vector<std::pair<std::string, Number>>& pattern, const std::string& module, Number usual) {
  for (const auto& [name, value] : pattern)
    if (ends_with_name(module, name)) return value;
  return usual;
}

bool says_something(const json& value) {
  return !value.is_null() && value != json(false) && !(value.is_structured() && value.empty());
}

}  // namespace

int64_t PeftConfig::rank_of(const std::string& module) const {
  return pattern_or(rank_pattern, module, rank);
}

double PeftConfig::scale_of(const std::string& module) const {
  const auto r = static_cast<double>(rank_of(module));
  return pattern_or(alpha_pattern, module, alpha) / (rslora ? std::sqrt(r) : r);
}

bool PeftConfig::targets(const std::string& module, bool linear) const {
  for (const auto& name : exclude_modules)
    if (ends_with_name(module, name)) return false;
  if (target_modules.size() == 1 && target_modules[0] == "all-linear") return linear;
  return std::any_of(target_modules.begin(), target_modules.end(),
                     [&](const std::string& name) { return ends_with_name(module, name); });
}

PeftConfig peft_config_from_json(const std::string& text, const std::string& file) {
  const json tree = parse_json(text, file);
  const JsonFields fields(tree, file);
  if (fields.text("peft_type", "") != "LORA") fields.refuse("peft_type", "\"LORA\", the only kind of adapter read");
  PeftConfig config;
  config.rank = fields.integer("r", config.rank, 1, kMostRank);
  config.alpha = fields.number("lora_alpha", config.alpha, -1e9, 1e9);
  config.dropout = fields.number("lora_dropout", 0, 0, 1);
  config.rslora = fields.boolean("use_rslora", false);
  config.fan_in_fan_out = fields.boolean("fan_in_fan_out", false);
  config.target_modules = read_targets(fields);
  if (const json* excluded = fields.find("exclude_modules")) {
    config.exclude_modules =
        excluded->is_string() ? names_of_expression(excluded->get<std::string>()) : fields.texts("exclude_modules", {});
    for (const auto& name : config.exclude_modules)
      if (!plain_name(name)) fields.refuse("exclude_modules", "names of modules");
  }
  config.rank_pattern = read_pattern<int64_t>(fields, "rank_pattern", [](const JsonFields& in, const std::string& key) {
    return in.integer(key.c_str(), 8, 1, kMostRank);
  });
  config.alpha_pattern = read_pattern<double>(
      fields, "alpha_pattern",
      [](const JsonFields& in, const std::string& key) { return in.number(key.c_str(), 8, -1e9, 1e9); });
  config.base_model = fields.text("base_model_name_or_path", "");
  config.task_type = fields.text("task_type", config.task_type);
  if (fields.text("bias", "none") != "none") fields.refuse("bias", "\"none\": adapters that train biases are not read");

  const std::set<std::string, std::less<>> read{"r",
                                                "lora_alpha",
                                                "use_rslora",
                                                "fan_in_fan_out",
                                                "bias",
                                                "target_modules",
                                                "exclude_modules",
                                                "rank_pattern",
                                                "alpha_pattern"};
  for (const auto& [key, value] : tree.items())
    if (!read.contains(key) && !harmless().contains(key) && says_something(value))
      fields.refuse(key.c_str(), "null or false: it changes what the adapter computes, or is not known here");
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
    for (const auto& [name, value] : pattern) result[name] = value;
    return result;
  };
  ordered_json targets = config.target_modules;
  if (config.target_modules == std::vector<std::string>{"all-linear"}) targets = "all-linear";
  const ordered_json json{
      {"peft_type", "LORA"},
      {"task_type", config.task_type},
      {"base_model_name_or_path", config.base_model.empty() ? ordered_json() : ordered_json(config.base_model)},
      {"r", config.rank},
      {"lora_alpha", config.alpha},
      {"lora_dropout", config.dropout},
      {"target_modules", targets},
      {"bias", "none"},
      {"fan_in_fan_out", config.fan_in_fan_out},
      {"use_rslora", config.rslora},
      {"use_dora", false},
      {"rank_pattern", table(config.rank_pattern)},
      {"alpha_pattern", table(config.alpha_pattern)},
      {"modules_to_save", nullptr},
      {"init_lora_weights", true},
      {"inference_mode", true}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace strata
