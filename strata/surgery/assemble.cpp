#include "strata/surgery/assemble.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>

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

// At run time every source reads its own shared weights; a checkpoint holds one set.
void check_same_shared(const std::string& name, const Model& source, const Model& model) {
  for (const auto& entry : model.stack().weights.entries()) {
    if (!entry.name.starts_with("shared.")) continue;
    const auto* other = source.stack().weights.find(entry.name);
    if (!other || !at::equal(other->value, entry.value))
      fail("source '", name, "': its ", entry.name,
           " differs from the opened model's, and a checkpoint holds one; take all blocks from one model");
  }
}

std::vector<std::string> block_ids(const Model& model, const Route& route, const ModelSources& sources) {
  std::map<std::string, int> seen;
  std::vector<std::string> ids;
  for (const Step& step : route.steps) {
    const Call& call = step[0];
    std::string id =
        (call.source.empty() ? "" : call.source + ":") + owner(call, model, sources).notes.block_ids[call.block];
    if (const int count = ++seen[id]; count > 1) id += "#" + std::to_string(count);
    ids.push_back(std::move(id));
  }
  return ids;
}

}  // namespace

void check_same_blocks(const std::string& name, const Model& source, const Model& model) {
  const VitConfig &a = source.vit, &b = model.vit;
  const auto check = [&](const char* what, const auto& found, const auto& expected) {
    if (found != expected)
      fail("model '", name, "': expected blocks with ", what, " ", expected, " as in the opened model, found ", found,
           "; blocks of one checkpoint have one size");
  };
  check("channels", a.channels, b.channels);
  check("heads", a.heads, b.heads);
  check("hidden", a.hidden, b.hidden);
  check("norm_eps", a.norm_eps, b.norm_eps);
  check("qkv_bias", a.qkv_bias, b.qkv_bias);
  check("slots", a.slots, b.slots);
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

Model without_weights(const Model& model, std::vector<std::string> block_ids, const std::vector<int32_t>& places) {
  Model result;
  result.architecture = model.architecture;
  result.vit = model.vit;
  result.vit.depth = std::ssize(block_ids);
  if (model.vit.slots != "none" && model.vit.slot_count == 0)
    result.vit.slot_count = std::max<int64_t>(model.vit.depth, 1);
  if (model.vit.slots != "none" && result.vit.depth > result.vit.slot_count)
    fail("surgery: ", result.vit.depth, " blocks, but the model knows ", result.vit.slot_count,
         " slots; it cannot tell the blocks behind them where they are");
  result.classes = model.classes;
  result.pixel_mean = model.pixel_mean;
  result.pixel_std = model.pixel_std;
  result.fit = model.fit;
  result.notes = model.notes;
  result.notes.block_ids = std::move(block_ids);
  result.notes.strata_version = version();
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

  Model result = without_weights(model, block_ids(model, route, sources), places_after(route, model.vit.depth));
  Stack stack = wire_vit(result.vit);
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
