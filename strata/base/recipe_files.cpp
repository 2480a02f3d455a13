#include "strata/base/recipe_files.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "strata/base/config.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostBytes = 1 << 20;

std::vector<fs::path> candidate_folders() {
  if (const char* chosen = std::getenv("STRATA_RECIPES"); chosen != nullptr && *chosen != '\0') return {chosen};
  std::vector<fs::path> folders{"recipes"};
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    folders.push_back(program.parent_path() / "../../recipes");            // built in <checkout>/build/<preset>
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
      files.push_back(
          {name, entry.path().lexically_normal().string(), top_comment(read_text(entry.path().string(), kMostBytes))});
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
  fail_usage("recipes: no file and no recipe '", path_or_name, "'", suggestion(path_or_name, names),
             "; known recipes: ", join_names(names));
}

bool recipe_has(const std::string& path_or_name, const std::string& key) {
  const std::string path = find_recipe(path_or_name);
  const ConfigNode tree = parse_toml(read_text(path, kMostBytes), path);
  const auto& table = std::get<ConfigTable>(tree.value);
  return std::any_of(table.begin(), table.end(), [&key](const ConfigEntry& entry) { return entry.key == key; });
}

std::string recipe_beside(const std::string& path, const std::string& name) {
  std::error_code error;
  const fs::path beside = fs::path(path).parent_path() / (name + ".toml");
  return fs::is_regular_file(beside, error) ? beside.lexically_normal().string() : name;
}

}  // namespace strata
