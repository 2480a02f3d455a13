#pragma once

#include <string>
#include <vector>

namespace strata {

/// A file of the recipe folder and the comment at its top.
struct RecipeFile {
  std::string name;  // "fashion/layershuffle"
  std::string path;
  std::string comment;
};

/// STRATA_RECIPES, or `recipes` here, or beside the installed or built program; sorted by name. Throws Error naming the
/// places when there is none.
std::vector<RecipeFile> recipe_files();

/// The path of a recipe given by path or by name. Throws UsageError with similar names.
std::string find_recipe(const std::string& path_or_name);

/// Whether the file has this key at its top level: what tells suites and studies from recipes.
bool recipe_has(const std::string& path_or_name, const std::string& key);

/// A recipe that the file at `path` names: the one beside it where there is one, else `name` as it is.
std::string recipe_beside(const std::string& path, const std::string& name);

}  // namespace strata
