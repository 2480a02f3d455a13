#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/strata/table.h"
#include "apps/strata/verbs.h"
#include "strata/base/file.h"
#include "strata/base/recipe_files.h"

namespace strata::cli {
namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

void recipes(const Common& common, const Recipes& options) {
  if (!options.name.empty()) {
    const std::string text = read_text(find_recipe(options.name), 1 << 20);
    if (common.json)
      std::cout << nlohmann::ordered_json{{"path", find_recipe(options.name)}, {"toml", text}}.dump(2) << "\n";
    else
      std::cout << text;
    return;
  }
  const auto files = recipe_files();
  if (common.json) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& file : files)
      json.push_back({{"name", file.name}, {"path", file.path}, {"comment", file.comment}});
    std::cout << json.dump(2) << "\n";
    return;
  }
  if (options.names) {
    for (const auto& file : files) std::cout << file.name << "\n";
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& file : files) rows.push_back({file.name, first_line(file.comment)});
  print_table({"recipe", ""}, rows);
}

}  // namespace strata::cli
