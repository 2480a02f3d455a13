#include "strata/surgery/merge_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/eval/spread.h"
#include "strata/route/order.h"
#include "strata/surgery/ensemble.h"
#include "strata/train/route_scores_json.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBatch = 500;

// The models of one seed.
struct Family {
  Model a, b, c;
};

RouteScores one(const Score& score) {
  return summarise({score});
}

// Everything the table holds about one family.
std::vector<MergeStudyCell> measure(const Family& family, const MergeStudyConfig& config, const ImageSet& test,
                                    const ImageConfig& images, Random random) {
  const Stack &a = family.a.stack(), &b = family.b.stack(), &c = family.c.stack();
  const int64_t depth = a.depth();
  std::vector<MergeStudyCell> cells;
  const auto arbitrary = [&](const char* what, const Stack& stack, std::string_view stream) {
    const auto orders = random_orders(depth, config.orders, random.fork(stream));
    cells.push_back({what, summarise(score_routes(stack, orders, test, images, kBatch))});
  };
  arbitrary("A, any order", a, "orders");
  arbitrary("B, any order", b, "orders");
  arbitrary("C, any order", c, "orders");
  const auto merged = [&](const std::string& what, const Stack& other, bool any_slot) {
    const StackSources sources{{"other", &other}};
    const auto routes = random_merges(depth, {"", "other"}, config.merges, any_slot, random.fork(what));
    cells.push_back({what, summarise(score_routes(a, routes, test, images, kBatch, nullptr, true, &sources))});
  };
  merged("A + B merged, blocks keep their index", b, false);
  merged("A + B merged, any block in any slot", b, true);
  merged("A + C merged, blocks keep their index", c, false);
  merged("A + C merged, any block in any slot", c, true);
  // As in the single models' columns, every member runs in a random order of its own.
  const auto order = [&](std::string_view stream) { return random_orders(depth, 1, random.fork(stream)); };
  const auto ensemble = [&](const char* what, const Stack& other) {
    const std::vector<EnsembleMember> members{{&a, order("first"), images, nullptr},
                                              {&other, order("second"), images, nullptr}};
    cells.push_back({what, one(score_ensemble(members, test, kBatch, Average::probabilities))});
  };
  ensemble("ensemble of A and B", b);
  ensemble("ensemble of A and C", c);
  const std::vector<EnsembleMember> routes{
      {&a, random_orders(depth, config.averaged, random.fork("averaged")), images, nullptr}};
  cells.push_back({fmt::format("{} routes through A averaged", config.averaged),
                   one(score_ensemble(routes, test, kBatch, Average::probabilities))});
  return cells;
}

std::string per_cent(double share) {
  return fmt::format("{:.1f}", 100 * share);
}

nlohmann::ordered_json json_of(const MergeStudyResult& result) {
  auto runs = nlohmann::ordered_json::array();
  for (const auto& run : result.runs) {
    nlohmann::ordered_json cells;
    for (const auto& [what, scores] : run.cells) cells[what] = scores;
    runs.push_back({{"seed", run.seed}, {"accuracy", cells}});
  }
  return {{"study", result.config.name}, {"samples", result.samples}, {"runs", runs}};
}

}  // namespace

bool is_merge_study(const std::string& path_or_name) {
  return recipe_has(path_or_name, "merges");
}

MergeStudyConfig read_merge_study(const std::string& path_or_name) {
  const std::string path = find_recipe(path_or_name);
  MergeStudyConfig config;
  read_config_file(config, path);
  if (config.name.empty()) config.name = fs::path(path).stem().string();
  if (config.recipe.empty() || config.seeds.empty()) fail_usage(path, ": expected a recipe and at least one of seeds");
  config.recipe = recipe_beside(path, config.recipe);
  return config;
}

MergeStudyResult run_merge_study(const MergeStudyConfig& config, const TrainOptions& options) {
  MergeStudyResult result{.config = config};
  Recipe base = read_recipe(config.recipe, config.overrides);
  if (base.is_text()) fail_usage("study ", config.name, ": expected a recipe for images, got ", base.name);
  base.eval.orders = 0;
  const TrainData data = load_data(base);
  result.samples = data.test.size();
  for (const int64_t seed : config.seeds) {
    const auto trained = [&](const char* who, uint64_t own_seed, int64_t steps, const std::string& start) {
      Recipe recipe = base;
      recipe.name = fmt::format("{} {} seed {}", config.name, who, seed);
      recipe.train.seed = own_seed;
      recipe.train.steps = steps;
      recipe.model.start = start;
      TrainOptions one = options;
      one.run_folder = fmt::format("{}/seed{}-{}", options.run_folder, seed, who);
      return train(recipe, data, one).model_folder;
    };
    const auto stream = Random(static_cast<uint64_t>(seed)).fork("study");
    const auto seed_of = [&](std::string_view who) { return stream.fork(who).next64() >> 16; };
    const std::string start = trained("start", seed_of("start"), config.start_steps, "");
    const Family family{open_model(trained("A", seed_of("A"), config.descent_steps, start)),
                        open_model(trained("B", seed_of("B"), config.descent_steps, start)),
                        open_model(trained("C", seed_of("C"), config.stranger_steps, ""))};
    const ImageConfig images{.mean = family.a.pixel_mean, .std = family.a.pixel_std};
    result.runs.push_back({seed, measure(family, config, data.test, images, stream)});
    // Written anew after each seed, so that a study that is cut short still leaves a table.
    result.table_json = options.run_folder + "/table.json";
    result.table_markdown = options.run_folder + "/table.md";
    write_file_atomic(result.table_json, json_of(result).dump(2) + "\n");
    write_file_atomic(result.table_markdown, merge_study_markdown(result));
  }
  return result;
}

std::string merge_study_markdown(const MergeStudyResult& result) {
  std::string text = "| what | top-1, per cent | sd over merges or orders | worst |\n|---|---|---|---|\n";
  const auto& runs = result.runs;
  for (size_t i = 0; !runs.empty() && i < runs.front().cells.size(); ++i) {
    double over = 0, least = 1;
    std::vector<double> means;
    for (const auto& run : runs) {
      means.push_back(run.cells[i].scores.mean);
      over += run.cells[i].scores.sd / static_cast<double>(runs.size());
      least = std::min(least, run.cells[i].scores.least);
    }
    const auto [mean, spread] = mean_and_sd(means);
    const bool several = runs.front().cells[i].scores.routes > 1;
    text += fmt::format("| {} | {} ± {} | {} | {} |\n", runs.front().cells[i].what, per_cent(mean), per_cent(spread),
                        several ? per_cent(over) : "", several ? per_cent(least) : "");
  }
  return text + fmt::format(
                    "\n{} test images; mean ± standard deviation over {} seed{}; {} merges of each kind, {} "
                    "orders of each model.\n",
                    result.samples, runs.size(), runs.size() == 1 ? "" : "s", result.config.merges,
                    result.config.orders);
}

}  // namespace strata
