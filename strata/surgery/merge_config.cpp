#include "strata/surgery/merge_config.h"

#include <algorithm>
#include <cmath>

#include "strata/base/error.h"
#include "strata/base/suggest.h"

namespace strata {
namespace {

constexpr int64_t kMostLayers = 4096;

// What a method reads; `per_input` may stand at a model, the others only at the slice or the whole merge.
struct Known {
  std::string_view name;
  bool per_input;
  bool needed;  // has no default
};

std::vector<Known> known_parameters(MergeMethod method) {
  switch (method) {
    case MergeMethod::linear:
      return {{"weight", true, true}, {"normalize", false, false}};
    case MergeMethod::slerp:
      return {{"t", false, true}};
    case MergeMethod::task_arithmetic:
      // The last three have no say: nothing is left out of a difference, so nothing is made up for.
      return {{"weight", true, true},   {"normalize", false, false}, {"lambda", false, false},
              {"density", true, false}, {"rescale", false, false},   {"int8_mask", false, false}};
    case MergeMethod::ties:
    case MergeMethod::dare_linear:
    case MergeMethod::dare_ties:
      return {{"weight", true, true},   {"density", true, false},  {"normalize", false, false},
              {"lambda", false, false}, {"rescale", false, false}, {"int8_mask", false, false}};
    case MergeMethod::passthrough:
      break;
  }
  return {{"scale", true, false}};
}

bool needs_base(MergeMethod method) {
  return method != MergeMethod::linear && method != MergeMethod::passthrough;
}

void check_parameters(const MergeConfig& config, const MergeParameters& parameters, bool of_input) {
  const auto known = known_parameters(config.method);
  for (const auto& [name, setting] : parameters) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const Known& one) { return one.name == name; });
    std::vector<std::string> names;
    names.reserve(known.size());
    for (const Known& one : known) names.emplace_back(one.name);
    if (found == known.end())
      fail("merge: method ", name_of(config.method), " has no parameter ", in_quotes(name), "; it has ",
           join_names(names));
    if (of_input && !found->per_input)
      fail("merge: parameter ", name, " belongs to the slice or the whole merge, not to one model");
  }
}

// ---- reading -------------------------------------------------------------------------------------------------------

double number_or_truth(const YamlNode& node, const std::string& what) {
  if (node.kind == YamlNode::Kind::scalar && (node.text == "true" || node.text == "True")) return 1;
  if (node.kind == YamlNode::Kind::scalar && (node.text == "false" || node.text == "False")) return 0;
  return node.as_number(what);
}

std::vector<double> read_numbers(const YamlNode& node, const std::string& what) {
  if (node.kind != YamlNode::Kind::list) return {number_or_truth(node, what)};
  if (node.items.empty()) node.refuse(what, "a number or a list of numbers");
  std::vector<double> numbers;
  numbers.reserve(node.items.size());
  for (const auto& item : node.items) numbers.push_back(item.as_number(what));
  return numbers;
}

void check_keys(const YamlNode& map, const std::string& what, const std::vector<std::string>& known) {
  for (const auto& [key, value] : map.as_map(what))
    if (std::find(known.begin(), known.end(), key) == known.end())
      fail(value.place, ": ", what, ": ", in_quotes(key), " is not supported", suggestion(key, known),
           "; known keys: ", join_names(known));
}

MergeCase read_case(const YamlNode& node, const std::string& what) {
  check_keys(node, what, {"filter", "value"});
  const YamlNode* value = node.find("value");
  if (!value) node.refuse(what, "a value");
  const YamlNode* filter = node.find("filter");
  std::string text = filter ? filter->as_text("filter") : "";
  if (text == "*") text.clear();
  return {std::move(text), read_numbers(*value, what)};
}

MergeSetting read_setting(const YamlNode& node, const std::string& what) {
  if (node.kind == YamlNode::Kind::map) return {read_case(node, what)};
  if (node.kind != YamlNode::Kind::list || node.items.empty() || node.items[0].kind != YamlNode::Kind::map)
    return {{"", read_numbers(node, what)}};
  MergeSetting setting;
  for (const auto& item : node.items) setting.push_back(read_case(item, what));
  return setting;
}

MergeParameters read_parameters(const YamlNode& owner) {
  MergeParameters parameters;
  const YamlNode* node = owner.find("parameters");
  if (!node) return parameters;
  for (const auto& [name, value] : node->as_map("parameters")) parameters[name] = read_setting(value, name);
  return parameters;
}

std::string read_model(const YamlNode& owner) {
  const YamlNode* model = owner.find("model");
  if (!model) owner.refuse("model", "the folder of a model");
  return model->as_text("model");
}

MergeInput read_input(const YamlNode& node, bool sliced) {
  std::vector<std::string> keys = {"model", "parameters"};
  if (sliced) keys.emplace_back("layer_range");
  check_keys(node, sliced ? "source" : "model", keys);
  MergeInput input{.model = read_model(node), .parameters = read_parameters(node)};
  if (!sliced) return input;
  const YamlNode* range = node.find("layer_range");
  if (!range) node.refuse("layer_range", "[first, last + 1]");
  const auto& ends = range->as_list("layer_range");
  if (ends.size() != 2) range->refuse("layer_range", "[first, last + 1]");
  input.first = ends[0].as_integer("layer_range");
  input.last = ends[1].as_integer("layer_range");
  if (input.first < 0 || input.last < input.first || input.last > kMostLayers)
    range->refuse("layer_range", "[first, last + 1] in ascending order, up to " + std::to_string(kMostLayers));
  return input;
}

std::string read_dtype(const YamlNode& root) {
  const YamlNode* node = root.find("out_dtype") ? root.find("out_dtype") : root.find("dtype");
  for (const char* key : {"dtype", "out_dtype"})
    if (const YamlNode* one = root.find(key))
      if (const std::string& text = one->as_text(key);
          text != "float32" && text != "float16" && text != "bfloat16" && text != "float64")
        one->refuse(key, "float32, float16, bfloat16 or float64");
  return node ? node->text : "";
}

// Whose tokenizer the result has: one text, or an object with a source.
std::string read_tokenizer(const YamlNode& root) {
  const YamlNode *source = root.find("tokenizer_source"), *table = root.find("tokenizer");
  if (source && table) table->refuse("tokenizer", "either tokenizer or tokenizer_source");
  if (source) return source->as_text("tokenizer_source");
  if (!table) return "";
  check_keys(*table, "tokenizer", {"source"});
  const YamlNode* named = table->find("source");
  return named ? named->as_text("source") : "union";
}

std::string read_chat_template(const YamlNode& root) {
  const YamlNode* node = root.find("chat_template");
  if (!node) return "";
  const std::string& text = node->as_text("chat_template");
  if (text != "auto" && text.find('{') == std::string::npos)
    node->refuse("chat_template",
                 "auto or the text of a template (those that mergekit has names for do not come with Strata)");
  return text;
}

}  // namespace

std::string name_of(MergeMethod method) {
  for (const auto& entry : enum_names(method))
    if (entry.value == method) return std::string(entry.name);
  return "";
}

MergeMethod merge_method(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& entry : enum_names(MergeMethod{})) {
    if (entry.name == name) return entry.value;
    names.emplace_back(entry.name);
  }
  fail_usage("merge: unknown method ", in_quotes(name), suggestion(name, names), "; the methods are ",
             join_names(names));
}

std::optional<double> evaluate(const MergeSetting& setting, std::string_view tensor, double t) {
  for (const auto& [filter, numbers] : setting) {
    if (tensor.find(filter) == std::string_view::npos) continue;
    const double at = t * static_cast<double>(numbers.size() - 1);
    const auto low = static_cast<size_t>(at);
    const size_t high = std::min(low + 1, numbers.size() - 1);
    return std::lerp(numbers[low], numbers[high], at - static_cast<double>(low));
  }
  return std::nullopt;
}

double parameter(const MergeConfig& config, const MergeSlice& slice, const MergeInput* input, std::string_view name,
                 std::string_view tensor, double t, double fallback) {
  for (const MergeParameters* parameters :
       {input ? &input->parameters : nullptr, &slice.parameters, &config.parameters}) {
    if (!parameters) continue;
    const auto found = parameters->find(name);
    if (found == parameters->end()) continue;
    if (const auto value = evaluate(found->second, tensor, t)) return *value;
  }
  for (const Known& known : known_parameters(config.method))
    if (known.name == name && known.needed)
      fail("merge: no ", name, " for tensor ", tensor, input ? " of " + input->model : "",
           "; give one without a filter at the end of the list");
  return fallback;
}

MergeConfig read_mergekit(const YamlNode& root) {
  check_keys(root, "merge",
             {"merge_method", "models", "slices", "base_model", "parameters", "dtype", "out_dtype", "tokenizer_source",
              "tokenizer", "chat_template"});
  MergeConfig config;
  const YamlNode* method = root.find("merge_method");
  if (!method) root.refuse("merge_method", "the name of a method");
  try {
    config.method = merge_method(method->as_text("merge_method"));
  } catch (const UsageError& error) {
    fail(method->place, ": ", error.what());
  }
  if (const YamlNode* base = root.find("base_model")) config.base = base->as_text("base_model");
  config.parameters = read_parameters(root);
  config.dtype = read_dtype(root);
  config.tokenizer = read_tokenizer(root);
  config.chat_template = read_chat_template(root);
  const YamlNode *models = root.find("models"), *slices = root.find("slices");
  if ((models != nullptr) == (slices != nullptr)) root.refuse("merge", "either models or slices");
  if (models) {
    MergeSlice slice;
    for (const auto& node : models->as_list("models")) slice.inputs.push_back(read_input(node, false));
    config.slices.push_back(std::move(slice));
  } else {
    for (const auto& node : slices->as_list("slices")) {
      check_keys(node, "slice", {"sources", "base_model", "parameters"});
      MergeSlice slice{.parameters = read_parameters(node)};
      if (const YamlNode* base = node.find("base_model")) slice.base = base->as_text("base_model");
      const YamlNode* sources = node.find("sources");
      if (!sources) node.refuse("sources", "a list of models with their layer_range");
      for (const auto& source : sources->as_list("sources")) slice.inputs.push_back(read_input(source, true));
      config.slices.push_back(std::move(slice));
    }
  }
  try {
    check_merge(config);
  } catch (const Error& error) {
    fail(root.place, ": ", error.what());
  }
  return config;
}

void check_merge(const MergeConfig& config) {
  const std::string method = name_of(config.method);
  if (config.slices.empty()) fail("merge: expected models to merge, found none");
  check_parameters(config, config.parameters, false);
  for (const auto& slice : config.slices) {
    if (slice.inputs.empty()) fail("merge: expected models to merge, found none");
    check_parameters(config, slice.parameters, false);
    const std::string& base = slice.base.empty() ? config.base : slice.base;
    if (needs_base(config.method) && base.empty())
      fail("merge: method ", method, " takes differences from a base; name it as base_model");
    if (config.method == MergeMethod::passthrough && slice.inputs.size() != 1)
      fail("merge: method passthrough copies one model in each slice, found ", slice.inputs.size(),
           "; give slices, or another method");
    const auto is_base = [&](const MergeInput& input) { return input.model == base; };
    const bool based = std::any_of(slice.inputs.begin(), slice.inputs.end(), is_base);
    if (config.method == MergeMethod::slerp && slice.inputs.size() + (based || slice.inputs[0].last >= 0 ? 0 : 1) != 2)
      fail("merge: method slerp goes from the base to one other model, found ", slice.inputs.size(), " models");
    if (needs_base(config.method) && !based && slice.inputs[0].last >= 0)
      fail("merge: the base ", base, " must be among the sources of every slice, so that its layers are known");
    for (const auto& input : slice.inputs) {
      check_parameters(config, input.parameters, true);
      if (input.last - input.first != slice.inputs[0].last - slice.inputs[0].first)
        fail("merge: expected as many layers of ", input.model, " as of ", slice.inputs[0].model,
             " in one slice, found ", input.last - input.first, " and ", slice.inputs[0].last - slice.inputs[0].first);
    }
  }
}

std::vector<std::string> models_of(const MergeConfig& config) {
  std::vector<std::string> models;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(models.begin(), models.end(), name) == models.end()) models.push_back(name);
  };
  add(config.base);
  for (const auto& slice : config.slices) {
    add(slice.base);
    for (const auto& input : slice.inputs) add(input.model);
  }
  return models;
}

}  // namespace strata
