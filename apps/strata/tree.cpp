#include "apps/strata/tree.h"

#include <CLI/CLI.hpp>

namespace strata::cli {
namespace {

std::vector<std::string> choices_of(const std::string& type) {
  std::vector<std::string> choices;
  if (!type.starts_with("{")) return choices;
  for (size_t at = 1; at < type.size();) {
    const size_t end = std::min(type.find_first_of(",}", at), type.size());
    choices.push_back(type.substr(at, end - at));
    at = end + 1;
  }
  return choices;
}

TreeOption tree_option(const CLI::Option& option) {
  TreeOption result;
  for (const auto& name : option.get_snames()) result.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) result.names.push_back("--" + name);
  result.positional = option.get_positional();
  if (result.positional) result.names.push_back(option.get_name(true, false));
  if (option.get_items_expected_max() > 0) result.type = option.get_type_name();
  result.choices = choices_of(result.type);
  result.fallback = option.get_default_str();
  if (result.fallback == "0" || result.fallback == "[]")
    result.fallback.clear();  // 0 stands for "all", "none": the text says it
  result.what = option.get_description();
  result.required = option.get_required();
  result.several = option.get_expected_max() > 1;
  return result;
}

}  // namespace

std::vector<TreeVerb> walk(const CLI::App& app) {
  std::vector<TreeVerb> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) {
    if (verb->get_group().empty()) continue;
    TreeVerb entry{verb->get_name(), verb->get_description(), {}};
    for (const CLI::Option* option : verb->get_options()) entry.options.push_back(tree_option(*option));
    verbs.push_back(std::move(entry));
  }
  return verbs;
}

}  // namespace strata::cli
