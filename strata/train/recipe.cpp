#include "strata/train/recipe.h"

#include <algorithm>
#include <filesystem>

#include "strata/base/checksum.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostBytes = 1 << 20;

void check(const Recipe& recipe, const std::string& file) {
  const auto& train = recipe.train;
  if (train.batch % train.accumulate != 0)
    fail_usage(file, ": expected train.batch to be a multiple of train.accumulate, got ", train.batch, " and ",
               train.accumulate);
  if (recipe.schedule.warmup > train.steps)
    fail_usage(file, ": expected schedule.warmup to be at most train.steps = ", train.steps, ", got ",
               recipe.schedule.warmup);
  try {
    check_sampler(recipe.sampler, recipe.model.vit.depth);
    check_images(recipe.data.images);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    fail_usage(file, ": ", error.what());
  }
}

Recipe read_with_size(const ConfigNode& tree, const std::vector<std::string>& overrides, const std::string& size) {
  Recipe recipe;
  recipe.model.vit = vit_size(size);
  read_config(recipe, tree);
  for (const auto& change : overrides) override_config(recipe, change);
  return recipe;
}

}  // namespace

Recipe parse_recipe(const std::string& toml, const std::string& file, const std::vector<std::string>& overrides) {
  const ConfigNode tree = parse_toml(toml, file);
  // The size decides the defaults of the other keys of the model, so it is read once before them.
  const std::string size = read_with_size(tree, overrides, ModelConfig{}.size).model.size;
  if (const auto known = vit_sizes(); std::find(known.begin(), known.end(), size) == known.end())
    fail_usage(file, ": expected model.size to be one of ", join_names(known), ", got '", size, "'",
               suggestion(size, known));
  Recipe recipe = read_with_size(tree, overrides, size);
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

std::string fingerprint(const Recipe& recipe) {
  Recipe part = recipe;
  part.name.clear();
  part.eval = {};
  part.train.checkpoint_every = 0;
  part.data.test_limit = 0;
  return checksum(print_recipe(part));
}

}  // namespace strata
