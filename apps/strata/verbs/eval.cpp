#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <sstream>

#include "apps/strata/table.h"
#include "apps/strata/verbs/eval_text.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/data/classes.h"
#include "strata/eval/score.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"
#include "strata/surgery/ensemble.h"
#include "strata/train/scores_json.h"

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

std::vector<Route> joined(std::vector<Route> first, const std::vector<Route>& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

// Random merges of all models given; those that differ in depth have no slots in common.
std::vector<Route> merges_of(const Eval& options, const OpenModels& open) {
  const int64_t depth = open.first().stack().depth();
  for (size_t i = 1; i < open.models.size(); ++i)
    if (open.names[i].empty()) fail_usage("--merges takes blocks from models by name: give b=", open.folders[i]);
  for (size_t i = 0; i < open.models.size(); ++i)
    if (const int64_t other = open.models[i]->stack().depth(); other != depth)
      fail_usage("--merges: expected models of one depth, got ", open.folders[i], " with ", other, " blocks and ",
                 open.folders[0], " with ", depth);
  return random_merges(depth, open.names, options.merges, options.any_slot, Random(options.seed));
}

Plan plan(const Eval& options, const OpenModels& open) {
  const int64_t depth = open.first().stack().depth();
  if (options.merges > 0 && options.orders > 0)
    fail_usage("--merges and --orders both say which routes are drawn; ask for one after the other");
  if (options.any_slot && options.merges == 0) fail_usage("--any-slot is about --merges; give --merges N too");
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
    plan.routes = joined(std::move(plan.routes), drawn);
  }
  if (options.merges > 0) plan.routes = joined(std::move(plan.routes), merges_of(options, open));
  return plan;
}

bool names_sources(const Route& route) {
  return std::any_of(route.steps.begin(), route.steps.end(), [](const Step& step) {
    return std::any_of(step.begin(), step.end(), [](const Call& call) { return !call.source.empty(); });
  });
}

// Every model runs the routes that name no source; a route that names some is one member, run on the opened model.
std::vector<EnsembleMember> members_of(const OpenModels& open, size_t models, const Plan& work) {
  std::vector<EnsembleMember> members;
  for (size_t i = 0; i < models; ++i) {
    EnsembleMember member{&open.models[i]->stack(), {}, images_of(*open.models[i]), &open.stacks};
    if (i > 0) {
      ClassMap map = map_classes("model " + open.folders[i], open.models[i]->classes, open.folders[0] + "'s classes",
                                 open.first().classes);
      warn(map.warning);
      member.classes = std::move(map.to);
    }
    for (const auto& route : work.routes)
      if (i == 0 || !names_sources(route)) member.routes.push_back(route);
    const RunOptions run_options{.sources = &open.stacks};
    const Runner runner(*member.stack, run_options);
    for (const auto& route : member.routes) runner.check(route, 1);
    if (!member.routes.empty()) members.push_back(std::move(member));
  }
  return members;
}

size_t count_of(const std::vector<EnsembleMember>& members) {
  size_t count = 0;
  for (const auto& member : members) count += member.routes.size();
  return count;
}

Average average_of(const std::string& name) {
  return name == "logits" ? Average::logits : Average::probabilities;
}

std::string shortened(std::string text) {
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace

void eval(const Common& common, const Eval& options) {
  const OpenModels open = open_models(options.models, options.sources, options.adapter);
  const Model& model = open.first();
  const StackSources& sources = open.stacks;
  for (size_t i = 1; i < options.models.size(); ++i)
    if (open.names[i].empty() && !options.ensemble)
      fail_usage("routes can call a further model by name only: give b=", open.folders[i],
                 ", or --ensemble to average the models' outputs");
  const Plan work = plan(options, open);
  // Every route is checked before the data is loaded.
  const RunOptions run_options{.sources = &sources};
  const Runner runner(model.stack(), run_options);
  for (const auto& route : work.routes) runner.check(route, 1);
  if (!options.text.empty() || !options.choices.empty()) return eval_text(common, options, open, work.routes);
  if (model.is_language())
    fail_usage("eval: ", open.folders.front(), " is a language model; say --text TEXT or --choices FILE");
  const auto members = options.ensemble ? members_of(open, options.models.size(), work) : std::vector<EnsembleMember>{};
  const ImageSet set = load_for(model, options.data, options.split, options.limit);
  TrieReport trie;
  const auto scores = score_routes(model.stack(), work.routes, set, images_of(model), options.batch, &trie,
                                   !options.one_by_one, &sources);
  const std::vector<Score> drawn(scores.begin() + static_cast<std::ptrdiff_t>(work.named), scores.end());
  const RouteScores summary = summarise(drawn);
  Score together;
  if (options.ensemble) together = score_ensemble(members, set, options.batch, average_of(options.average));
  if (common.json) {
    nlohmann::ordered_json json{
        {"model", open.folders.front()}, {"data", set.name}, {"split", options.split}, {"samples", set.size()}};
    for (size_t i = 0; i < scores.size(); ++i)
      json["routes"].push_back(
          {{"route", print_route(work.routes[i])}, {"accuracy", scores[i].accuracy}, {"loss", scores[i].loss}});
    if (!drawn.empty()) json["random"] = summary;
    if (options.ensemble)
      json["ensemble"] = {{"members", count_of(members)},
                          {"average", options.average},
                          {"accuracy", together.accuracy},
                          {"loss", together.loss}};
    json["block_passes"] = trie.cost;
    json["block_passes_one_by_one"] = trie.cost_one_by_one;
    json["seconds"] = trie.seconds;
    print_json(json);
    return;
  }
  std::vector<std::vector<std::string>> rows;
  rows.reserve(scores.size() + 1);
  for (size_t i = 0; i < scores.size(); ++i)
    rows.push_back(
        {shortened(print_route(work.routes[i])), percent(scores[i].accuracy), fmt::format("{:.4f}", scores[i].loss)});
  if (options.ensemble)
    rows.push_back({fmt::format("average of {} outputs", count_of(members)), percent(together.accuracy),
                    fmt::format("{:.4f}", together.loss)});
  print_table({"route", "#accuracy", "#loss"}, rows);
  if (!drawn.empty())
    std::cout << fmt::format("{} random {}: {} ± {:.1f}, from {} to {}\n", drawn.size(),
                             options.merges > 0 ? "merges"
                             : options.keep > 0 ? "choices"
                                                : "orders",
                             percent(summary.mean), 100 * summary.sd, percent(summary.least), percent(summary.most));
  if (!common.quiet)
    std::cerr << fmt::format("{} images of {}, {:.1f} s, {:.0f} block passes a batch where one by one takes {:.0f}\n",
                             set.size(), set.name, trie.seconds, trie.cost, trie.cost_one_by_one);
}

}  // namespace strata::cli
