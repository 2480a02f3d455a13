#include "strata/train/loop.h"

#include <fmt/format.h>

#include <functional>
#include <iostream>

#include "apps/strata/table.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/progress.h"
#include "strata/eval/spread.h"
#include "strata/surgery/merge_study.h"
#include "strata/train/route_scores_json.h"
#include "strata/train/suite.h"

namespace strata::cli {
namespace {

struct SeedResult {
  uint64_t seed = 0;
  TrainResult result;
};

nlohmann::ordered_json json_of(const SeedResult& each) {
  const TrainResult& r = each.result;
  nlohmann::ordered_json json{{"seed", each.seed}};
  if (r.sequential.measured()) {
    json["accuracy"] = r.sequential.accuracy;
    json["test_loss"] = r.sequential.loss;
  }
  if (r.sequential.is_text()) json["bits_per_byte"] = r.sequential.bits_per_byte;
  if (r.arbitrary.routes > 0) json["random_orders"] = r.arbitrary;
  json["train_loss"] = r.loss;
  json["steps"] = r.steps;
  json["seconds"] = r.seconds;
  json["resumed"] = r.resumed;
  json["model"] = r.model_folder;
  return json;
}

// Accuracies as per cent, or bits per byte.
std::string spread_text(double mean, double sd, bool text) {
  return text ? fmt::format("{:.3f} ± {:.3f} bits/byte", mean, sd)
              : fmt::format("{:.1f} ± {:.1f} %", 100 * mean, 100 * sd);
}

std::string mean_and_spread(const std::vector<double>& values, bool text) {
  const auto [mean, sd] = mean_and_sd(values);
  return spread_text(mean, sd, text);
}

void show(const std::string& name, const std::vector<SeedResult>& all) {
  std::vector<std::vector<std::string>> rows;
  std::vector<double> sequential, arbitrary;
  const bool text = !all.empty() && all.front().result.sequential.is_text();
  for (const auto& each : all) {
    const TrainResult& r = each.result;
    rows.push_back({std::to_string(each.seed),
                    !r.sequential.measured() ? "not measured"
                    : text                   ? fmt::format("{:.3f} bits/byte", r.sequential.bits_per_byte)
                                             : percent(r.sequential.accuracy),
                    r.arbitrary.routes > 0 ? spread_text(r.arbitrary.mean, r.arbitrary.sd, text) : "",
                    duration_text(r.seconds), r.model_folder});
    sequential.push_back(r.sequential.measure());
    arbitrary.push_back(r.arbitrary.mean);
  }
  print_table({"#seed", "#in order", "#random orders", "#time", "model"}, rows);
  if (all.size() > 1 && all.front().result.sequential.measured())
    std::cout << name << " over " << all.size() << " seeds: in order " << mean_and_spread(sequential, text)
              << ", random orders " << mean_and_spread(arbitrary, text) << "\n";
}

// Mean over the seeds of one recipe of some measure of each run, with the spread where there are several.
std::string over_seeds(const std::vector<const SuiteRun*>& runs,
                       const std::function<double(const SuiteRun&)>& measure) {
  const bool text = runs.front()->sequential.is_text();
  std::vector<double> values;
  for (const SuiteRun* each : runs) values.push_back(measure(*each));
  if (values.size() > 1) return mean_and_spread(values, text);
  return text ? fmt::format("{:.3f} bits/byte", values.front()) : percent(values.front());
}

void show(const SuiteResult& result) {
  std::vector<std::string> heading{"recipe", "#in order", "#random orders"};
  for (const int64_t removed : result.config.removed) heading.push_back(fmt::format("#{} missing", removed));
  std::vector<std::string> names;
  std::map<std::string, std::vector<const SuiteRun*>> by_recipe;
  for (const SuiteRun& each : result.runs) {
    if (!by_recipe.contains(each.recipe)) names.push_back(each.recipe);
    by_recipe[each.recipe].push_back(&each);
  }
  std::vector<std::vector<std::string>> rows;
  const bool text = !result.runs.empty() && result.runs.front().sequential.is_text();
  const double unit = text ? 1 : 100;
  report::Plot plot{.title = text ? "bits per byte" : "accuracy, per cent",
                    .y = {.low = 0, .high = text ? 8.0 : 100.0},
                    .bars = {{.name = "in order"}, {.name = "random orders"}}};
  for (const auto& name : names) {
    const auto& runs = by_recipe[name];
    rows.push_back({name, over_seeds(runs, [](const SuiteRun& r) { return r.sequential.measure(); }),
                    over_seeds(runs, [](const SuiteRun& r) { return r.arbitrary.mean; })});
    for (size_t i = 0; i < result.config.removed.size(); ++i)
      rows.back().push_back(over_seeds(runs, [i](const SuiteRun& r) { return r.pruned.at(i).mean; }));
    plot.categories.push_back(name);
    plot.bars[0].value.push_back(unit * runs.front()->sequential.measure());
    plot.bars[1].value.push_back(unit * runs.front()->arbitrary.mean);
  }
  print_table(heading, rows);
  std::cout << "\n"
            << report::terminal_plot(plot, report::this_terminal()) << "\ntables: " << result.table_markdown << ", "
            << result.table_json << "\n";
}

void train_suite(const Common& common, const Train& options) {
  SuiteConfig suite = read_suite(options.recipe);
  if (!options.seeds.empty()) suite.seeds.assign(options.seeds.begin(), options.seeds.end());
  suite.overrides.insert(suite.overrides.end(), options.set.begin(), options.set.end());
  const std::string folder = options.run_folder.empty() ? "runs/" + suite.name : options.run_folder;
  const SuiteResult result = run_suite(
      suite, {.run_folder = folder, .quiet = common.quiet, .force = options.force, .restart = options.restart});
  if (common.json)
    std::cout << suite_json(result);
  else
    show(result);
}

void train_merge_study(const Common& common, const Train& options) {
  MergeStudyConfig study = read_merge_study(options.recipe);
  if (!options.seeds.empty()) study.seeds.assign(options.seeds.begin(), options.seeds.end());
  study.overrides.insert(study.overrides.end(), options.set.begin(), options.set.end());
  const std::string folder = options.run_folder.empty() ? "runs/merges-" + study.name : options.run_folder;
  const MergeStudyResult result = run_merge_study(
      study, {.run_folder = folder, .quiet = common.quiet, .force = options.force, .restart = options.restart});
  std::cout << (common.json ? read_text(result.table_json, 1 << 20) : merge_study_markdown(result));
  if (!common.json) std::cout << "\ntables: " << result.table_markdown << ", " << result.table_json << "\n";
}

}  // namespace

void train(const Common& common, const Train& options) {
  if (is_suite(options.recipe)) return train_suite(common, options);
  if (is_merge_study(options.recipe)) return train_merge_study(common, options);
  const Recipe recipe = read_recipe(options.recipe, options.set);
  std::vector<uint64_t> seeds = options.seeds;
  if (seeds.empty()) seeds.push_back(recipe.train.seed);
  const TrainData data = load_data(recipe);
  std::vector<SeedResult> all;
  for (const uint64_t seed : seeds) {
    Recipe mine = recipe;
    mine.train.seed = seed;
    const std::string own = fmt::format("{}-seed{}", recipe.name, seed);
    const std::string folder = options.run_folder.empty() ? "runs/" + own
                               : seeds.size() > 1         ? options.run_folder + "/" + own
                                                          : options.run_folder;
    all.push_back(
        {seed, strata::train(
                   mine, data,
                   {.run_folder = folder, .quiet = common.quiet, .force = options.force, .restart = options.restart})});
  }
  if (common.json) {
    nlohmann::ordered_json json{{"recipe", recipe.name}};
    for (const auto& each : all) json["runs"].push_back(json_of(each));
    print_json(json);
  } else {
    show(recipe.name, all);
  }
}

}  // namespace strata::cli
