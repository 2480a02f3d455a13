#pragma once

#include <string>
#include <vector>

#include "strata/train/loop.h"

namespace strata {

/// Several recipes over several seeds, measured alike: one table.
struct SuiteConfig {
  std::string name;
  std::vector<std::string> recipes;  // names or paths, relative to the suite's own file where they exist there
  std::vector<int64_t> seeds = {0, 1, 2};
  std::vector<std::string> overrides;        // for every recipe: "train.steps=600"
  int64_t orders = 10;                       // random orders per model
  std::vector<int64_t> removed = {1, 2, 3};  // blocks taken away, in order and in random order
  int64_t choices = 5;                       // random choices per number of blocks taken away
};

template <class Visit>
void fields(SuiteConfig& config, Visit&& visit) {
  visit("name", config.name);
  visit("recipes", config.recipes);
  visit("seeds", config.seeds, at_least(0));
  visit("overrides", config.overrides);
  visit("orders", config.orders, at_least(0));
  visit("removed", config.removed, at_least(0));
  visit("choices", config.choices, at_least(1));
}

SuiteConfig read_suite(const std::string& path_or_name);

/// Whether the file holds a suite (it has `recipes`) and not a recipe.
bool is_suite(const std::string& path_or_name);

/// One trained model under all protocols.
struct SuiteRun {
  std::string recipe;
  int64_t seed = 0;
  Score sequential;
  RouteScores arbitrary;
  std::vector<RouteScores> pruned;           // in order, per entry of `removed`
  std::vector<RouteScores> pruned_shuffled;  // in random order
  double seconds = 0;
  std::string model_folder;
};

struct SuiteResult {
  SuiteConfig config;
  std::vector<SuiteRun> runs;              // recipe by recipe, seed by seed
  std::string table_json, table_markdown;  // the files written
};

/// Trains every recipe with every seed in `<run_folder>/<recipe>-seed<N>` (a killed suite goes on where it stopped,
/// runs that are complete are not repeated), measures each model and writes table.json and table.md.
SuiteResult run_suite(const SuiteConfig& config, const TrainOptions& options);

/// The table as Markdown: one row per recipe, accuracies in per cent as mean +- standard deviation over seeds.
std::string suite_markdown(const SuiteResult& result);
std::string suite_json(const SuiteResult& result);

}  // namespace strata
