#include "strata/surgery/merge.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/formats/json_fields.h"
#include "strata/surgery/combine.h"

namespace strata {
namespace {

// One input of one tensor of the result: the same piece of another model's weight, and what it counts.
struct Piece {
  const MergeInput* input = nullptr;
  std::string name;  // in a checkpoint
  Tensor value;
  bool base = false;
};

// Where a weight of the result comes from: the slice, the layer in it, and where on a gradient that is.
struct Site {
  const MergeSlice* slice = nullptr;
  int64_t layer = 0;
  double t = 0;
};

at::ScalarType type_of(const std::string& dtype) {
  return dtype == "float16"    ? at::kHalf
         : dtype == "bfloat16" ? at::kBFloat16
         : dtype == "float64"  ? at::kDouble
                               : at::kFloat;
}

// What decides which row of an embedding a text becomes: vocabulary and added tokens. Empty where there is no tokeniser.
nlohmann::json vocabulary_of(const Model& model, const std::string& name) {
  const auto found = model.companions.find("tokenizer.json");
  if (found == model.companions.end()) return {};
  const nlohmann::json whole = parse_json(found->second, name + "/tokenizer.json");
  const nlohmann::json* inner = JsonFields(whole, name + "/tokenizer.json").find("model");
  nlohmann::json vocabulary{{"vocab", inner && inner->is_object() ? inner->value("vocab", nlohmann::json()) : nullptr}};
  if (const auto added = whole.find("added_tokens"); added != whole.end() && added->is_array())
    for (const auto& token : *added)
      if (token.is_object())
        vocabulary["added"].push_back({token.value("id", nlohmann::json()), token.value("content", nlohmann::json())});
  return vocabulary;
}

std::string default_chat_template(const Model& model, const std::string& name) {
  const auto found = model.companions.find("chat_template.jinja");
  if (found != model.companions.end()) return found->second;
  const auto config = model.companions.find("tokenizer_config.json");
  if (config == model.companions.end()) return "";
  const nlohmann::json tree = parse_json(config->second, name + "/tokenizer_config.json");
  const nlohmann::json* text = JsonFields(tree, name + "/tokenizer_config.json").find("chat_template");
  return text ? text->is_string() ? text->get<std::string>() : text->dump() : "";
}

class Merger {
 public:
  Merger(const MergeConfig& config, const ModelSources& models) : config_(config), models_(models) {
    check_merge(config_);
    for (auto& slice : config_.slices) complete(slice);
    const auto& first = config_.slices.front().inputs.front().model;
    template_ = &model(config_.base.empty() ? first : config_.base);
    names_ = names_of(*template_);
    for (const auto& name : models_of(config_)) check_fits(name);
    check_tokenizers();
  }

  Model run() const {
    std::vector<Site> sites;
    for (const auto& slice : config_.slices) {
      const int64_t layers = slice.inputs[0].last - slice.inputs[0].first;
      for (int64_t i = 0; i < layers; ++i)
        sites.push_back({&slice, i, layers > 1 ? static_cast<double>(i) / static_cast<double>(layers - 1) : 1});
    }
    std::vector<int32_t> places(template_->depth(), -1);
    const auto ids = block_ids(sites, places);
    std::vector<BlockOf> blocks;
    for (const Site& site : sites) {
      const MergeInput& from = site.slice->inputs.front();
      blocks.push_back({&model(from.model), from.first + site.layer});
    }
    Model result = without_weights(*template_, ids, places, blocks);
    Stack stack = wire_model(result);
    for (const auto& param : params_of(stack)) {
      const auto [block, rest] = split_block_weight(param.name);
      const bool behind = param.name.starts_with("norm.") || param.name.starts_with("head.");
      const Site site = block >= 0 ? sites[block]
                        : behind   ? Site{&config_.slices.back(), -1, 0}
                                   : Site{&config_.slices.front(), -1, 0};
      stack.weights.insert({param.name, weight(param, rest, site), param.decay, param.trained});
    }
    result.stacks.push_back(std::move(stack));
    if (!config_.chat_template.empty() && config_.chat_template != "auto" && result.is_language())
      result.companions["chat_template.jinja"] = config_.chat_template;
    if (!config_.dtype.empty()) result.stored = type_of(config_.dtype);
    return result;
  }

 private:
  const Model& model(const std::string& name) const {
    const auto found = models_.find(name);
    if (found == models_.end()) fail("merge: no model called '", name, "' was given");
    return *found->second;
  }

  const std::string& base_of(const MergeSlice& slice) const { return slice.base.empty() ? config_.base : slice.base; }

  // Whole models take part with all layers, the base among them.
  void complete(MergeSlice& slice) const {
    const std::string& base = base_of(slice);
    const auto is_base = [&](const MergeInput& input) { return input.model == base; };
    if (slice.inputs[0].last < 0 && !base.empty() && config_.method != MergeMethod::linear &&
        config_.method != MergeMethod::passthrough && std::none_of(slice.inputs.begin(), slice.inputs.end(), is_base))
      slice.inputs.push_back({.model = base});
    for (auto& input : slice.inputs) {
      const int64_t depth = model(input.model).depth();
      if (input.last < 0) input.last = depth;
      if (input.last > depth)
        fail("merge: expected layers of ", input.model, " up to ", depth, ", found the range [", input.first, ", ",
             input.last, "]");
      if (input.last - input.first != slice.inputs[0].last - slice.inputs[0].first)
        fail("merge: expected models of one depth, found ", input.model, " with ", depth, " blocks and ",
             slice.inputs[0].model, " with ", model(slice.inputs[0].model).depth(), "; give slices");
    }
  }

  void check_fits(const std::string& name) const {
    const Model& other = model(name);
    check_same_blocks(name, other, *template_);
    if (other.is_language() && other.language.tied != template_->language.tied)
      fail("merge: expected the head of ", name, template_->language.tied ? " to be" : " not to be",
           " its embedding as in the first model, found ", template_->language.tied ? "two tables" : "one table");
    check_same_classes(name, other.classes);
    if (other.pixel_mean != template_->pixel_mean || other.pixel_std != template_->pixel_std)
      fail("merge: expected ", name,
           " to want its pixels normalised as the first model does, found another mean or std");
  }

  // Rows of two heads are mixed, so they have to be of the same classes.
  void check_same_classes(const std::string& name, const std::vector<std::string>& found) const {
    const auto& expected = template_->classes;
    if (found.size() != expected.size())
      fail("merge: expected the classes of ", name, " to be those of the first model, found others; ", found.size(),
           " and ", expected.size(), " classes");
    const auto [here, there] = std::mismatch(found.begin(), found.end(), expected.begin());
    if (here == found.end()) return;
    const bool order = std::multiset(found.begin(), found.end()) == std::multiset(expected.begin(), expected.end());
    fail("merge: expected the classes of ", name, " to be those of the first model, found ",
         order ? "the same in another order" : "others", ": class ", here - found.begin(), " is ", in_quotes(*here),
         ", not ", in_quotes(*there), "; fine-tune both on one data set, or take whole blocks by a route");
  }

  // The result has the tokeniser and the chat template of the base, or the first model. Where the recipe asks for them, the
  // others' must be the same: rows of embeddings are not moved to where another tokeniser has its tokens.
  void check_tokenizers() const {
    const auto all = models_of(config_);
    const auto& ours = config_.base.empty() ? config_.slices.front().inputs.front().model : config_.base;
    const std::string& source = config_.tokenizer;
    if (!source.empty()) {
      if (source != "base" && source != "union" && source != ours)
        fail("merge: tokenizer: expected base, union, or ", ours, ", whose tokenizer the result has, found ", source);
      const auto vocabulary = vocabulary_of(*template_, ours);
      for (const auto& name : all)
        if (const auto other = vocabulary_of(model(name), name); !other.is_null() && other != vocabulary)
          fail("merge: tokenizer ", source, ": expected the vocabulary of ", name, " to be that of ", ours,
               ", found another; rows of embeddings are not moved between tokenizers");
    }
    if (config_.chat_template != "auto") return;
    const std::string text = default_chat_template(*template_, ours);
    for (const auto& name : all)
      if (const auto other = default_chat_template(model(name), name); !other.empty() && other != text)
        fail("merge: chat_template auto: expected the template of ", name, " to be that of ", ours,
             ", found another; give the text of the template instead");
  }

  // Blocks are called as the base calls them, or the first input; what comes from another model carries its name.
  std::vector<std::string> block_ids(const std::vector<Site>& sites, std::vector<int32_t>& places) const {
    std::vector<std::string> ids;
    for (const Site& site : sites) {
      const auto& inputs = site.slice->inputs;
      const auto own = std::find_if(inputs.begin(), inputs.end(),
                                    [&](const MergeInput& input) { return &model(input.model) == template_; });
      const MergeInput& from = own != inputs.end() ? *own : inputs.front();
      const int64_t layer = from.first + site.layer;
      if (own != inputs.end() && places[layer] < 0) places[layer] = static_cast<int32_t>(ids.size());
      ids.push_back((own != inputs.end() ? "" : from.model + ":") + model(from.model).notes.block_ids[layer]);
    }
    return ids;
  }

  Tensor weight(const ParamInfo& param, const std::string& rest, const Site& site) const {
    const auto pieces_of_result = names_.tensors(param);
    std::vector<std::vector<Piece>> pieces(pieces_of_result.size());
    for (const auto& input : site.slice->inputs) {
      const std::string name =
          site.layer < 0 ? param.name : "blocks." + std::to_string(input.first + site.layer) + "." + rest;
      const Tensor& value = model(input.model).stack().weights.at(name);
      if (value.sizes() != at::IntArrayRef(param.shape))
        fail("merge: expected '", name, "' of ", input.model, " to be ", at::IntArrayRef(param.shape), ", found ",
             value.sizes(), "; the models have different sizes");
      ParamInfo there = param;
      there.name = name;
      const auto names = names_.tensors(there);
      const auto parts = split_as(value, names);
      for (size_t i = 0; i < parts.size(); ++i)
        pieces[i].push_back({&input, names[i].name, parts[i].flatten(), input.model == base_of(*site.slice)});
    }
    std::vector<Tensor> merged;
    merged.reserve(pieces.size());
    for (size_t i = 0; i < pieces.size(); ++i) merged.push_back(combine(pieces_of_result[i].name, pieces[i], site));
    const Tensor whole = merged.size() == 1 ? merged.front() : at::cat(merged);
    return config_.dtype.empty() ? whole.view(param.shape) : whole.view(param.shape).to(type_of(config_.dtype));
  }

  double get(std::string_view name, const std::string& tensor, const Site& site, double fallback,
             const Piece* piece = nullptr) const {
    return parameter(config_, *site.slice, piece ? piece->input : nullptr, name, piece ? piece->name : tensor, site.t,
                     fallback);
  }

  Tensor combine(const std::string& name, const std::vector<Piece>& pieces, const Site& site) const {
    const MergeMethod method = config_.method;
    if (method == MergeMethod::passthrough) {
      const double scale = get("scale", name, site, 1, &pieces[0]);
      return scale == 1 ? pieces[0].value : (pieces[0].value.to(at::kDouble) * scale).to(pieces[0].value.scalar_type());
    }
    if (method == MergeMethod::slerp) {
      const bool base_first = pieces[0].base;
      return slerp(pieces[base_first ? 0 : 1].value, pieces[base_first ? 1 : 0].value, get("t", name, site, 0.5));
    }
    const Piece* base = nullptr;
    std::vector<Tensor> values;
    std::vector<double> weights, densities;
    for (const Piece& piece : pieces) {
      if (piece.base) base = &piece;
      if (piece.base && method != MergeMethod::linear) continue;
      values.push_back(piece.value);
      weights.push_back(get("weight", name, site, 1, &piece));
      if (method != MergeMethod::linear && method != MergeMethod::task_arithmetic)
        densities.push_back(get("density", name, site, 1, &piece));
    }
    if (method == MergeMethod::linear) return soup(values, weights, get("normalize", name, site, 1) != 0);
    if (values.empty()) return base->value;
    const TaskSum sum{get("lambda", name, site, 1),
                      get("normalize", name, site, method == MergeMethod::ties ? 1 : 0) != 0};
    if (method == MergeMethod::task_arithmetic) return task_arithmetic(base->value, values, weights, sum);
    std::vector<Tensor> differences;
    for (size_t i = 0; i < values.size(); ++i) {
      const Tensor difference = values[i].to(at::kDouble) - base->value.to(at::kDouble);
      differences.push_back(method == MergeMethod::ties
                                ? trim(difference, densities[i], get("rescale", name, site, 0) != 0)
                                : drop_and_rescale(difference, densities[i],
                                                   Random(config_.seed).fork(std::string_view(name)).fork(i),
                                                   get("rescale", name, site, 1) != 0));
    }
    return method == MergeMethod::dare_linear ? difference_sum(base->value, differences, weights, sum)
                                              : disjoint_sum(base->value, differences, weights, sum);
  }

  MergeConfig config_;
  const ModelSources& models_;
  const Model* template_ = nullptr;
  CheckpointNames names_;
};

}  // namespace

bool copies_blocks(const MergeConfig& config) {
  return config.method == MergeMethod::passthrough;
}

std::vector<std::pair<std::string, int64_t>> copied_blocks(const MergeConfig& config, const ModelSources& models) {
  std::vector<std::pair<std::string, int64_t>> blocks;
  const auto depth_of = [&](const std::string& name) { return models.find(name)->second->stack().depth(); };
  for (const auto& slice : config.slices) {
    const MergeInput& input = slice.inputs.front();
    const int64_t last = input.last < 0 ? depth_of(input.model) : input.last;
    for (int64_t block = input.first; block < last; ++block) blocks.emplace_back(input.model, block);
  }
  const std::string& last = config.slices.back().inputs.front().model;
  blocks.emplace_back(last, depth_of(last));
  return blocks;
}

Model merge(const MergeConfig& config, const ModelSources& models) {
  return Merger(config, models).run();
}

}  // namespace strata
