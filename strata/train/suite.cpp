#include "strata/train/suite.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/eval/spread.h"
#include "strata/route/order.h"
#include "strata/train/route_scores_json.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Mean and standard deviation over seeds of one column of one recipe.
struct Cell {
  double mean = 0, sd = 0;
  int64_t count = 0;
};

template <class Value>
Cell over_seeds(const SuiteResult& result, const std::string& recipe, Value value) {
  std::vector<double> values;
  for (const auto& run : result.runs)
    if (run.recipe == recipe) values.push_back(value(run));
  const auto [mean, sd] = mean_and_sd(values);
  return {mean, sd, std::ssize(values)};
}

bool is_text(const SuiteResult& result) {
  return !result.runs.empty() && result.runs.front().sequential.is_text();
}

// Per cent, or bits per byte.
std::string number(double value, bool text) {
  return text ? fmt::format("{:.3f}", value) : fmt::format("{:.1f}", 100 * value);
}

std::string cell_text(const Cell& cell, bool text) {
  return number(cell.mean, text) + (cell.count > 1 ? " ± " + number(cell.sd, text) : "");
}

std::string columns_removed(const SuiteResult& result, const std::string& recipe,
                            std::vector<RouteScores> SuiteRun::* scores) {
  std::string text;
  for (size_t i = 0; i < result.config.removed.size(); ++i)
    text += (i ? " / " : "") +
            number(over_seeds(result, recipe, [&](const SuiteRun& run) { return (run.*scores)[i].mean; }).mean,
                   is_text(result));
  return text;
}

std::string removed_text(const SuiteConfig& config) {
  std::string text;
  for (const int64_t count : config.removed) text += (text.empty() ? "" : "/") + std::to_string(count);
  return text;
}

// The accuracies of all protocols: one walk over all routes, so that what they share runs once.
void measure(SuiteRun& run, const Stack& stack, const SuiteConfig& config, const Recipe& recipe, const Exam& exam) {
  const int64_t depth = stack.depth();
  const Random random = Random(recipe.eval.seed);
  std::vector<Route> routes{identity(depth)};
  const auto add = [&](const std::vector<Route>& more) { routes.insert(routes.end(), more.begin(), more.end()); };
  add(random_orders(depth, config.orders, random));
  for (const bool shuffled : {false, true})
    for (const int64_t removed : config.removed)
      add(random_subsets(depth, depth - removed, config.choices, shuffled, random.fork(removed * 2 + shuffled)));
  const std::vector<Score> scores = score_routes(stack, routes, exam);
  auto next = scores.begin();
  const auto take = [&](int64_t count) {
    const std::vector<Score> taken(next, next + count);
    next += count;
    return taken;
  };
  run.sequential = take(1).front();
  run.arbitrary = summarise(take(config.orders));
  for (auto* into : {&run.pruned, &run.pruned_shuffled})
    for (size_t i = 0; i < config.removed.size(); ++i) into->push_back(summarise(take(config.choices)));
}

}  // namespace

SuiteConfig read_suite(const std::string& path_or_name) {
  const std::string path = find_recipe(path_or_name);
  SuiteConfig config;
  read_config_file(config, path);
  if (config.name.empty()) config.name = fs::path(path).stem().string();
  if (config.recipes.empty() || config.seeds.empty())
    fail_usage(path, ": expected at least one of recipes and one of seeds");
  for (auto& recipe : config.recipes) recipe = recipe_beside(path, recipe);
  return config;
}

bool is_suite(const std::string& path_or_name) {
  return recipe_has(path_or_name, "recipes");
}

SuiteResult run_suite(const SuiteConfig& config, const TrainOptions& options) {
  SuiteResult result{.config = config};
  // Everything that can be wrong is found before the first model is trained.
  std::vector<Recipe> recipes;
  for (const auto& path : config.recipes) {
    Recipe recipe = read_recipe(path, config.overrides);
    for (const auto& other : recipes)
      if (other.name == recipe.name)
        fail_usage("suite ", config.name, ": two recipes are called ", recipe.name,
                   ", and so would share a folder; give one of them another name");
    recipes.push_back(std::move(recipe));
    for (const int64_t removed : config.removed)
      if (removed > recipes.back().depth())
        fail_usage("suite ", config.name, ": expected removed to be at most the depth of ", recipes.back().name, ", ",
                   recipes.back().depth(), ", got ", removed);
  }
  std::optional<TrainData> data;
  Recipe loaded;
  for (Recipe recipe : recipes) {
    if (!data || data_text(loaded) != data_text(recipe)) {
      data = load_data(recipe);
      loaded = recipe;
    }
    const std::string name = recipe.name;
    for (const int64_t seed : config.seeds) {
      recipe.train.seed = static_cast<uint64_t>(seed);
      recipe.name = fmt::format("{} seed {}", name, seed);
      recipe.eval.orders = 0;  // measured below, with the other routes
      TrainOptions one = options;
      one.run_folder = fmt::format("{}/{}-seed{}", options.run_folder, name, seed);
      const TrainResult trained = train(recipe, *data, one);
      SuiteRun run{.recipe = name, .seed = seed, .seconds = trained.seconds, .model_folder = trained.model_folder};
      const std::unique_ptr<Lesson> lesson = lesson_of(recipe, *data);
      if (!lesson->exam()) fail("suite ", config.name, ": ", name, " holds nothing out to be measured on");
      measure(run, open_model(trained.model_folder).stack(), config, recipe, *lesson->exam());
      result.runs.push_back(std::move(run));
      // Written anew after each run, so that a suite that is cut short still leaves a table.
      result.table_json = options.run_folder + "/table.json";
      result.table_markdown = options.run_folder + "/table.md";
      write_file_atomic(result.table_json, suite_json(result));
      write_file_atomic(result.table_markdown, suite_markdown(result));
    }
  }
  return result;
}

std::string suite_markdown(const SuiteResult& result) {
  const std::string removed = removed_text(result.config);
  std::string text = fmt::format(
      "| training | sequential | arbitrary order | sd over routes | in order, {0} blocks removed | random order, {0} "
      "removed |\n|---|---|---|---|---|---|\n",
      removed);
  const bool bits = is_text(result);
  std::vector<std::string> names;
  for (const auto& run : result.runs)
    if (std::find(names.begin(), names.end(), run.recipe) == names.end()) names.push_back(run.recipe);
  for (const auto& name : names)
    text += fmt::format(
        "| {} | {} | {} | {} | {} | {} |\n", name,
        cell_text(over_seeds(result, name, [](const SuiteRun& run) { return run.sequential.measure(); }), bits),
        cell_text(over_seeds(result, name, [](const SuiteRun& run) { return run.arbitrary.mean; }), bits),
        number(over_seeds(result, name, [](const SuiteRun& run) { return run.arbitrary.sd; }).mean, bits),
        columns_removed(result, name, &SuiteRun::pruned), columns_removed(result, name, &SuiteRun::pruned_shuffled));
  const int64_t samples = result.runs.empty() ? 0 : result.runs.front().sequential.samples;
  text += fmt::format(
      "\n{} {} {}; mean ± standard deviation over {} seed{}; {} random orders and {} random "
      "choices of blocks per model.\n",
      bits ? "Bits per byte over" : "Top-1 per cent on", samples, bits ? "held-out tokens" : "test images",
      result.config.seeds.size(), result.config.seeds.size() == 1 ? "" : "s", result.config.orders,
      result.config.choices);
  return text;
}

std::string suite_json(const SuiteResult& result) {
  Json runs = Json::array();
  for (const auto& run : result.runs) {
    Json json{
        {"recipe", run.recipe},
        {"seed", run.seed},
        {"seconds", run.seconds},
        {"model", run.model_folder},
        {"sequential",
         {{"samples", run.sequential.samples}, {"accuracy", run.sequential.accuracy}, {"loss", run.sequential.loss}}},
        {"arbitrary", run.arbitrary}};
    if (run.sequential.is_text()) json["sequential"]["bits_per_byte"] = run.sequential.bits_per_byte;
    for (size_t i = 0; i < result.config.removed.size(); ++i) {
      const std::string key = std::to_string(result.config.removed[i]);
      json["removed_in_order"][key] = run.pruned[i];
      json["removed_random_order"][key] = run.pruned_shuffled[i];
    }
    runs.push_back(std::move(json));
  }
  return Json{{"suite", result.config.name}, {"runs", std::move(runs)}}.dump(1) + "\n";
}

}  // namespace strata
