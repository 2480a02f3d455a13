#include <fmt/format.h>

#include <iostream>
#include <sstream>

#include "apps/strata/table.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/eval/score.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"

namespace strata::cli {
namespace {

constexpr uint64_t kLargestRouteFile = 64 << 20;

std::vector<Route> routes_in(const std::string& path) {
  std::istringstream text(read_text(path, kLargestRouteFile));
  std::vector<Route> routes;
  int64_t number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    while (!line.empty() && (line.back() == '\r' || line.back() == '\t')) line.pop_back();
    try {
      routes.push_back(parse_route(line));
    } catch (const Error& error) {
      fail(path, ":", number, ": ", error.what());
    }
  }
  if (routes.empty()) fail(path, ": expected one route per line, found none");
  return routes;
}

// The routes asked for, then the random ones; all blocks in order when nothing was asked for.
struct Plan {
  std::vector<Route> routes;
  size_t named = 0;
};

Plan plan(const Eval& options, int64_t depth) {
  Plan plan;
  for (const auto& text : options.routes) plan.routes.push_back(parse_route(text));
  if (!options.routes_file.empty())
    for (auto& route : routes_in(options.routes_file)) plan.routes.push_back(std::move(route));
  if (options.keep > 0 && options.orders == 0)
    fail_usage("--keep says how many blocks the random choices of --orders keep; give --orders too");
  if (options.keep > depth) fail_usage("--keep: the model has ", depth, " blocks, cannot keep ", options.keep);
  if (plan.routes.empty()) plan.routes.push_back(identity(depth));
  plan.named = plan.routes.size();
  if (options.orders > 0) {
    const Random random(options.seed);
    const auto drawn = options.keep > 0 ? random_subsets(depth, options.keep, options.orders, false, random)
                                        : random_orders(depth, options.orders, random);
    plan.routes.insert(plan.routes.end(), drawn.begin(), drawn.end());
  }
  return plan;
}

std::string shortened(std::string text) {
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace

void eval(const Common& common, const Eval& options) {
  const Model model = open_model(options.model);
  const auto models = open_sources(options.sources);
  const StackSources sources = stacks_of(models);
  const Plan work = plan(options, model.stack().depth());
  // Every route is checked before the data is loaded.
  const RunOptions run_options{.sources = &sources};
  const Runner runner(model.stack(), run_options);
  for (const auto& route : work.routes) runner.check(route, 1);
  const ImageSet set = load_for(model, options.data, options.split, options.limit);
  TrieReport trie;
  const auto scores = score_routes(model.stack(), work.routes, set, images_of(model), options.batch, &trie,
                                   !options.one_by_one, &sources);
  const std::vector<Score> drawn(scores.begin() + static_cast<std::ptrdiff_t>(work.named), scores.end());
  const RouteScores summary = summarise(drawn);
  if (common.json) {
    nlohmann::ordered_json json{
        {"model", options.model}, {"data", set.name}, {"split", options.split}, {"samples", set.size()}};
    for (size_t i = 0; i < scores.size(); ++i)
      json["routes"].push_back(
          {{"route", print_route(work.routes[i])}, {"accuracy", scores[i].accuracy}, {"loss", scores[i].loss}});
    if (!drawn.empty()) json["random"] = json_of(summary);
    json["block_passes"] = trie.cost;
    json["block_passes_one_by_one"] = trie.cost_one_by_one;
    json["seconds"] = trie.seconds;
    print_json(json);
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < scores.size(); ++i)
    rows.push_back(
        {shortened(print_route(work.routes[i])), percent(scores[i].accuracy), fmt::format("{:.4f}", scores[i].loss)});
  print_table({"route", "#accuracy", "#loss"}, rows);
  if (!drawn.empty())
    std::cout << fmt::format("{} random {}: {} ± {:.1f}, from {} to {}\n", drawn.size(),
                             options.keep > 0 ? "choices" : "orders", percent(summary.mean), 100 * summary.sd,
                             percent(summary.least), percent(summary.most));
  if (!common.quiet)
    std::cerr << fmt::format("{} images of {}, {:.1f} s, {:.0f} block passes a batch where one by one takes {:.0f}\n",
                             set.size(), set.name, trie.seconds, trie.cost, trie.cost_one_by_one);
}

}  // namespace strata::cli
