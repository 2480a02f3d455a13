#include "strata/train/recipe.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "strata/base/checksum.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"
#include "strata/formats/gguf.h"
#include "strata/formats/safetensors_index.h"
#include "strata/models/gguf_model.h"
#include "strata/models/model.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostBytes = 1 << 20;

void check(const Recipe& recipe, const std::string& file) {
  const auto& train = recipe.train;
  if (train.batch % train.accumulate != 0)
    fail_usage(file, ": expected train.batch to be a multiple of train.accumulate, got ", train.batch, " and ",
               train.accumulate);
  if (train.epochs > 0 && train.steps > 0)
    fail_usage(file, ": expected train.steps or train.epochs, got both: ", train.steps, " and ", train.epochs,
               "; set train.epochs to 0 to count steps");
  if (train.epochs == 0 && recipe.schedule.warmup > train.steps)
    fail_usage(file, ": expected schedule.warmup to be at most train.steps = ", train.steps, ", got ",
               recipe.schedule.warmup);
  if (recipe.data.resize.size() > 2)
    fail_usage(file, ": expected data.resize as [edge] or [height, width], got ", recipe.data.resize.size(),
               " numbers");
  try {
    check_sampler(recipe.sampler, recipe.depth());
    check_images(recipe.data.images);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    fail_usage(file, ": ", error.what());
  }
  if (train.batch % recipe.data.images.repeats != 0)
    fail_usage(file, ": expected train.batch to be a multiple of data.repeats, got ", train.batch, " and ",
               recipe.data.images.repeats);
}

Recipe read_on_top(Recipe recipe, const ConfigNode& tree, const std::vector<std::string>& overrides) {
  read_config(recipe, tree);
  for (const auto& change : overrides) override_config(recipe, change);
  return recipe;
}

Recipe empty_recipe(DataKind kind) {
  Recipe recipe;
  recipe.model.kind = recipe.data.kind = kind;
  if (kind == DataKind::text) {
    recipe.model.size = "bytes";
    recipe.data.set = "kjv";
  }
  return recipe;
}

// data.kind, which decides what other keys there are.
DataKind kind_in(const ConfigNode& tree, const std::vector<std::string>& overrides) {
  const auto entry = [](const ConfigNode* node, std::string_view key) -> const ConfigNode* {
    const auto* table = node ? std::get_if<ConfigTable>(&node->value) : nullptr;
    if (!table) return nullptr;
    for (const auto& each : *table)
      if (each.key == key) return &each.node;
    return nullptr;
  };
  std::string name;
  if (const ConfigNode* node = entry(entry(&tree, "data"), "kind"))
    if (const auto* text = std::get_if<std::string>(&node->value)) name = *text;
  constexpr std::string_view kOverride = "data.kind=";
  for (const auto& change : overrides)
    if (change.starts_with(kOverride)) name = change.substr(kOverride.size());
  return name == "text" ? DataKind::text : DataKind::images;
}

void check_size(const ModelConfig& model, const std::string& file) {
  const bool text = model.kind == DataKind::text;
  const std::vector<std::string> known = text ? language_sizes() : vit_sizes();
  if (std::find(known.begin(), known.end(), model.size) == known.end())
    fail_usage(file, ": expected model.size to be one of ", join_names(known), ", got '", model.size, "'",
               suggestion(model.size, known));
  if (!model.start.empty() && model.size != (text ? "bytes" : ModelConfig{}.size))
    fail_usage(file, ": expected model.size or model.start, got both: the size is that of the checkpoint");
}

// Defaults of a recipe that goes on from a checkpoint.
Recipe defaults_of(DataKind kind, const std::string& start) {
  const Model model = open_model_header(start);
  if (model.is_language() != (kind == DataKind::text))
    fail_usage("model.start: ", start, " is a ", model.is_language() ? "language" : "vision",
               " model, but data.kind is ", kind == DataKind::text ? "text" : "images");
  Recipe recipe = empty_recipe(kind);
  recipe.model.language = model.language;
  recipe.model.vit = model.vit;
  recipe.data.images.mean = model.pixel_mean;
  recipe.data.images.std = model.pixel_std;
  recipe.data.filter = model.fit.filter;
  if (model.fit.shortest_edge > 0) recipe.data.resize = {model.fit.shortest_edge};
  if (model.fit.crop_height > 0 && model.fit.height > 0) recipe.data.resize = {model.fit.height, model.fit.width};
  return recipe;
}

// A network for larger or smaller images than the checkpoint's: what was resized to is scaled along.
void scale_resize(Recipe& recipe, const Recipe& defaults) {
  const VitConfig &now = recipe.model.vit, &before = defaults.model.vit;
  std::vector<int64_t>& resize = recipe.data.resize;
  if (resize != defaults.data.resize || resize.empty()) return;
  resize.front() = std::max<int64_t>(1, resize.front() * now.image_height / before.image_height);
  if (resize.size() > 1) resize.back() = std::max<int64_t>(1, resize.back() * now.image_width / before.image_width);
}

// All tensors of a checkpoint, by name.
std::string weights_checksum(const std::string& start) {
  std::string all;
  const auto add = [&all](const auto& tensors) {
    for (const auto* tensor : tensors) all += tensor->name + checksum(tensor->bytes);
  };
  if (is_gguf_path(start))
    add(GgufFiles(start).tensors());
  else
    add(open_checkpoint_tensors(model_folder(start)).tensors());
  return checksum(all);
}

}  // namespace

Recipe parse_recipe(const std::string& toml, const std::string& file, const std::vector<std::string>& overrides) {
  const ConfigNode tree = parse_toml(toml, file);
  const DataKind kind = kind_in(tree, overrides);
  // The size or the checkpoint decides the defaults of the other keys, so it is read once before them.
  const ModelConfig model = read_on_top(empty_recipe(kind), tree, overrides).model;
  check_size(model, file);
  Recipe defaults = model.start.empty() ? empty_recipe(kind) : defaults_of(kind, model.start);
  if (model.start.empty() && kind == DataKind::images) defaults.model.vit = vit_size(model.size);
  if (model.start.empty() && kind == DataKind::text) defaults.model.language = language_size(model.size);
  const int64_t usual = std::exchange(defaults.train.steps, -1);
  Recipe recipe = read_on_top(defaults, tree, overrides);
  if (recipe.train.steps < 0) recipe.train.steps = recipe.train.epochs > 0 ? 0 : usual;
  if (!model.start.empty() && !recipe.is_text()) scale_resize(recipe, defaults);
  if (recipe.name.empty()) recipe.name = fs::path(file).stem().string();
  check(recipe, file);
  return recipe;
}

Recipe read_recipe(const std::string& path_or_name, const std::vector<std::string>& overrides) {
  const std::string path = find_recipe(path_or_name);
  return parse_recipe(read_text(path, kMostBytes), path, overrides);
}

std::string print_recipe(const Recipe& recipe) {
  return print_toml(config_node(recipe));
}

ImageFit fit_of(const Recipe& recipe) {
  const std::vector<int64_t>& resize = recipe.data.resize;
  const int64_t height = recipe.model.vit.image_height, width = recipe.model.vit.image_width;
  ImageFit fit = exact_fit(height, width);
  if (!resize.empty())
    fit = {.height = resize.size() > 1 ? resize[0] : 0,
           .width = resize.size() > 1 ? resize[1] : 0,
           .shortest_edge = resize.size() > 1 ? 0 : resize[0],
           .crop_height = height,
           .crop_width = width};
  fit.filter = recipe.data.filter;
  return fit;
}

std::string fingerprint(const Recipe& recipe) {
  Recipe part = recipe;
  if (!part.model.start.empty()) part.model.start = weights_checksum(part.model.start);
  part.name.clear();
  part.eval = {};
  part.train.checkpoint_every = 0;
  part.data.test_limit = part.data.text.test_tokens = 0;
  return checksum(print_recipe(part));
}

}  // namespace strata
