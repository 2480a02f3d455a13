#include "strata/surgery/assemble.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "strata/base/error.h"
#include "strata/base/version.h"
#include "strata/route/print.h"
#include "strata/surgery/stored_routes.h"

namespace strata {
namespace {

constexpr std::string_view kBlocks = "blocks.";

const Model& owner(const Call& call, const Model& model, const ModelSources& sources) {
  return call.source.empty() ? model : *sources.find(call.source)->second;
}

// A checkpoint holds whole blocks, one after the other.
void check_plain(const Route& route) {
  for (size_t i = 0; i < route.steps.size(); ++i) {
    const Step& step = route.steps[i];
    const char* found = step.size() > 1           ? "blocks side by side"
                        : !step[0].part.empty()   ? "a part of a block"
                        : !step[0].limits.empty() ? "some heads or neurons of a block"
                                                  : nullptr;
    if (found)
      fail("route step ", i + 1, ": a checkpoint holds whole blocks one after the other, found ", found, " (",
           print_step(step), "); run such a route with --route instead");
  }
}

// At run time blocks of every source read its own shared weights; a checkpoint holds one set.
void check_same_shared(const std::string& name, const Model& source, const Model& model) {
  for (const auto& block : source.stack().blocks)
    for (const auto& param : block->params()) {
      if (!param.shared) continue;
      const std::string full = "shared." + param.name;
      const auto *ours = model.stack().weights.find(full), *theirs = source.stack().weights.find(full);
      if (!ours || !theirs || !at::equal(theirs->value, ours->value))
        fail("source '", name, "': its ", full,
             " differs from the opened model's, and a checkpoint holds one; take all blocks from one model");
    }
}

std::vector<std::string> block_ids(const Model& model, const Route& route, const ModelSources& sources) {
  std::vector<std::string> ids;
  for (const Step& step : route.steps) {
    const Call& call = step[0];
    ids.push_back((call.source.empty() ? "" : call.source + ":") +
                  owner(call, model, sources).notes.block_ids[call.block]);
  }
  return ids;
}

// A model that surgery made may have brought names that end in a number already.
std::vector<std::string> distinct(const std::vector<std::string>& ids) {
  std::set<std::string> taken;
  std::vector<std::string> result;
  for (const auto& id : ids) {
    std::string name = id;
    for (int count = 2; !taken.insert(name).second; ++count) name = id + "#" + std::to_string(count);
    result.push_back(std::move(name));
  }
  return result;
}

}  // namespace

void check_same_blocks(const std::string& name, const Model& source, const Model& model) {
  const auto check = [&](const char* what, const auto& found, const auto& expected) {
    if (found != expected)
      fail("model '", name, "': expected blocks with ", what, " ", expected, " as in the opened model, found ", found,
           "; blocks of one checkpoint have one size");
  };
  check("architecture", source.architecture, model.architecture);
  if (model.is_language()) {
    const LanguageConfig &a = source.language, &b = model.language;
    check("channels", a.channels, b.channels);
    check("heads", a.heads, b.heads);
    check("kv_heads", a.kv_heads, b.kv_heads);
    check("head_dim", a.head_dim, b.head_dim);
    check("hidden", a.hidden, b.hidden);
    check("activation", a.activation, b.activation);
    check("norm", a.norm, b.norm);
    check("norm_eps", a.norm_eps, b.norm_eps);
    check("biases of qkv", a.qkv_bias, b.qkv_bias);
    check("biases of out", a.out_bias, b.out_bias);
    check("biases of ffn", a.ffn_bias, b.ffn_bias);
    check("parallel parts", a.parallel, b.parallel);
    check("norms behind them", a.post_norm, b.post_norm);
    check("positions", a.positions, b.positions);
    check("the same rotation", a.rope == b.rope, true);
    check("gates", a.gated, b.gated);
    check("norms of queries and keys", a.qk_norm, b.qk_norm);
    check("scaled scores", a.scale_scores, b.scale_scores);
    check("a window of", a.window, b.window);
  } else {
    const VitConfig &a = source.vit, &b = model.vit;
    check("channels", a.channels, b.channels);
    check("heads", a.heads, b.heads);
    check("hidden", a.hidden, b.hidden);
    check("norm_eps", a.norm_eps, b.norm_eps);
    check("qkv_bias", a.qkv_bias, b.qkv_bias);
  }
  check("slots", source.slots(), model.slots());
  check("dtype", source.stack().weights.entries().front().value.scalar_type(),
        model.stack().weights.entries().front().value.scalar_type());
}

BlockWeight split_block_weight(const std::string& name) {
  BlockWeight result{-1, name};
  if (!name.starts_with(kBlocks)) return result;
  const char* begin = name.data() + kBlocks.size();
  const auto [end, error] = std::from_chars(begin, name.data() + name.size(), result.block);
  if (error != std::errc() || *end != '.') return {-1, name};
  result.rest = end + 1;
  return result;
}

std::vector<int32_t> places_after(const Route& route, int64_t depth) {
  std::vector<int32_t> places(depth, -1);
  for (size_t i = 0; i < route.steps.size(); ++i)
    for (const Call& call : route.steps[i])
      if (call.source.empty() && call.block < depth && places[call.block] < 0)
        places[call.block] = static_cast<int32_t>(i);
  return places;
}

Model without_weights(const Model& model, const std::vector<std::string>& block_ids, const std::vector<int32_t>& places,
                      const std::vector<BlockOf>& blocks) {
  Model result = model;
  result.stacks.clear();
  const auto depth = std::ssize(block_ids);
  if (model.is_language()) {
    result.language.depth = depth;
    result.language.sliding.clear();
    for (size_t i = 0; i < blocks.size(); ++i) {
      const LanguageConfig& from = blocks[i].model->language;
      if (!from.sliding.empty()) result.language.sliding.push_back(from.sliding[blocks[i].block]);
      if (model.language.scale_by_depth && blocks[i].block != static_cast<int64_t>(i))
        fail("surgery: block ", blocks[i].block, " cannot become block ", i,
             ": in this model the scale of attention goes by the block's place (scale_attn_by_inverse_layer_idx)");
    }
  } else {
    result.vit.depth = depth;
  }
  if (model.slots() != "none") {
    if (model.slot_count() == 0) result.slot_count() = std::max<int64_t>(model.depth(), 1);
    if (depth > result.slot_count())
      fail("surgery: ", depth, " blocks, but the model knows ", result.slot_count(),
           " slots; it cannot tell the blocks behind them where they are");
  }
  result.notes.block_ids = distinct(block_ids);
  result.notes.strata_version = version();
  // Nobody trained the result; what the sources were trained by stands in its provenance.
  result.notes.recipe.clear();
  result.notes.steps = 0;
  result.notes.seed = 0;
  for (auto& text : result.notes.trained_routes) text = renumber_stored(text, places);
  return result;
}

Model assemble(const Model& model, const Route& route, const ModelSources& sources) {
  check_plain(route);
  Sources chains;
  for (const auto& [name, source] : sources) chains.emplace(name, source->stack().chain);
  validate(route, model.stack().chain, chains);
  for (const auto& [name, source] : sources)
    if (std::any_of(route.steps.begin(), route.steps.end(), [&](const Step& step) { return step[0].source == name; }))
      check_same_blocks(name, *source, model), check_same_shared(name, *source, model);

  std::vector<BlockOf> blocks;
  blocks.reserve(route.steps.size());
  for (const auto& step : route.steps) blocks.push_back({&owner(step[0], model, sources), step[0].block});
  Model result = without_weights(model, block_ids(model, route, sources), places_after(route, model.depth()), blocks);
  Stack stack = wire_model(result);
  for (const auto& param : params_of(stack)) {
    const auto [block, rest] = split_block_weight(param.name);
    const Tensor* value = nullptr;
    if (block < 0) {
      value = &model.stack().weights.at(param.name);
    } else {
      const Call& call = route.steps[block][0];
      value = &owner(call, model, sources).stack().weights.at("blocks." + std::to_string(call.block) + "." + rest);
    }
    stack.weights.insert({param.name, *value, param.decay, param.trained});
  }
  result.stacks.push_back(std::move(stack));
  return result;
}

}  // namespace strata
