#include "strata/train/recipe.h"

#include <algorithm>
#include <cstdlib>
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
    fail_usage(file, ": expected train.batch to be a multiple of train.accumulate, got ", train.batch, " and ", train.accumulate);
  if (recipe.schedule.warmup > train.steps)
    fail_usage(file, ": expected schedule.warmup to be at most train.steps = ", train.steps, ", got ", recipe.schedule.warmup);
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

std::vector<fs::path> candidate_folders() {
  if (const char* chosen = std::getenv("STRATA_RECIPES"); chosen != nullptr && *chosen != '\0') return {chosen};
  std::vector<fs::path> folders{"recipes"};
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    folders.push_back(program.parent_path() / "../../recipes");       // built in <checkout>/build/<preset>
    folders.push_back(program.parent_path() / "../share/strata/recipes");  // installed
  }
  return folders;
}

// The lines at the top that begin with #, without it.
std::string top_comment(const std::string& text) {
  std::string comment;
  for (size_t at = 0; at < text.size() && text[at] == '#';) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at + 1, end - at - 1);
    if (line.starts_with(' ')) line.remove_prefix(1);
    comment.append(line).push_back('\n');
    at = end + 1;
  }
  return comment;
}

}  // namespace

Recipe parse_recipe(const std::string& toml, const std::string& file, const std::vector<std::string>& overrides) {
  const ConfigNode tree = parse_toml(toml, file);
  // The size decides the defaults of the other keys of the model, so it is read once before them.
  const std::string size = read_with_size(tree, overrides, ModelConfig{}.size).model.size;
  if (const auto known = vit_sizes(); std::find(known.begin(), known.end(), size) == known.end())
    fail_usage(file, ": expected model.size to be one of ", join_names(known), ", got '", size, "'", suggestion(size, known));
  Recipe recipe = read_with_size(tree, overrides, size);
  if (recipe.name.empty()) recipe.name = fs::path(file).stem().string();
  check(recipe, file);
  return recipe;
}

Recipe read_recipe(const std::string& path_or_name, const std::vector<std::string>& overrides) {
  const std::string path = find_recipe(path_or_name);
  return parse_recipe(read_text(path, kMostBytes), path, overrides);
}

std::string print_recipe(const Recipe& recipe) { return print_toml(config_node(recipe)); }

std::string fingerprint(const Recipe& recipe) {
  Recipe part = recipe;
  part.name.clear();
  part.eval = {};
  part.train.checkpoint_every = 0;
  part.data.test_limit = 0;
  return checksum(print_recipe(part));
}

std::vector<RecipeFile> recipe_files() {
  std::string places;
  for (const auto& folder : candidate_folders()) {
    places += (places.empty() ? "" : ", ") + folder.string();
    std::error_code error;
    if (!fs::is_directory(folder, error)) continue;
    std::vector<RecipeFile> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file() || entry.path().extension() != ".toml") continue;
      const std::string name = entry.path().lexically_relative(folder).replace_extension().generic_string();
      files.push_back({name, entry.path().lexically_normal().string(), top_comment(read_text(entry.path().string(), kMostBytes))});
    }
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return files;
  }
  fail("recipes: expected a folder of recipes at one of ", places, ", found none; set STRATA_RECIPES to it");
}

std::string find_recipe(const std::string& path_or_name) {
  std::error_code error;
  if (fs::is_regular_file(path_or_name, error)) return path_or_name;
  std::vector<std::string> names;
  for (const auto& file : recipe_files()) {
    if (file.name == path_or_name) return file.path;
    names.push_back(file.name);
  }
  fail_usage("recipes: no file and no recipe '", path_or_name, "'", suggestion(path_or_name, names), "; known recipes: ", join_names(names));
}

}  // namespace strata
