#include "strata/surgery/prune.h"

#include <fmt/format.h>

#include <cmath>
#include <iostream>
#include <memory>

#include "apps/strata/table.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/error.h"
#include "strata/base/progress.h"
#include "strata/eval/block_scores.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"

namespace strata::cli {
namespace {

constexpr int64_t kBatch = 250;

void check(const Prune& options) {
  if (options.route.empty() == (options.keep < 0))
    fail_usage("expected either --route, the blocks that stay, or --keep, how many");
  if ((options.by == "probe") != !options.probe.empty())
    fail_usage("--by probe and --probe FILE belong together: the choice reads the report of strata probe");
}

// What stays, and for each block of the model the number that decided (empty where none did).
struct Choice {
  Route route;
  std::string measure;
  std::vector<double> worth;
};

Choice choose(const Common& common, const Prune& options, const Model& model) {
  const int64_t depth = model.stack().depth();
  if (options.keep < 0) return {parse_route(options.route), "", {}};
  if (options.keep > depth) fail_usage("--keep: the model has ", depth, " blocks, cannot keep ", options.keep);
  if (options.by == "even") return {keep_evenly(depth, options.keep), "", {}};
  if (options.by == "probe") {
    auto worth = worth_by_probe(options.probe, depth);
    return {keep_worthiest(worth, options.keep), "loss without", std::move(worth)};
  }
  ImageSet set;
  std::unique_ptr<Exam> exam;
  if (model.is_language()) {
    const std::string text = options.data.text.empty() ? "kjv" : options.data.text;
    exam = std::make_unique<TextExam>(text_exam(model, options.model, text, options.data.tokens, false));
  } else {
    set = load_for(model, options.data.data, "train", options.data.images);
    exam = std::make_unique<ImageExam>(set, images_of(model), kBatch);
  }
  if (options.by == "greedy") {
    const int64_t count = depth - options.keep;
    Progress progress("removing blocks", count, 0, common.quiet);
    const auto removals =
        remove_greedily(model.stack(), count, *exam, [&](int64_t done) { progress.update(done, "blocks"); });
    Choice choice{identity(depth), "loss when removed", std::vector<double>(depth, std::nan(""))};
    for (const auto& removal : removals) choice.worth[removal.block] = removal.score.loss;
    if (!removals.empty()) choice.route = removals.back().left;
    return choice;
  }
  Choice choice{{}, options.by == "turn" ? "turn" : "magnitude", {}};
  for (const auto& change : block_changes(model.stack(), *exam))
    choice.worth.push_back(options.by == "turn" ? change.turn : change.magnitude);
  choice.route = keep_worthiest(choice.worth, options.keep);
  return choice;
}

}  // namespace

void prune(const Common& common, const Prune& options) {
  check(options);
  check_output(options.output, {options.model});
  const Model model = open_model(options.model);
  const Choice choice = choose(common, options, model);
  Model pruned = strata::prune(model, choice.route);
  const std::string text = print_route(choice.route);
  pruned.notes.provenance.push_back({"prune",
                                     "route " + text + (options.keep < 0 ? "" : ", chosen by " + options.by),
                                     {origin_of(model, options.model)}});
  save_model(options.output, pruned);

  const auto places = places_after(choice.route, model.stack().depth());
  if (common.json) {
    nlohmann::ordered_json json{{"model", options.model},
                                {"output", options.output},
                                {"route", text},
                                {"blocks", pruned.stack().depth()},
                                {"parameters", pruned.stack().weights.parameters()},
                                {"parameters_before", model.stack().weights.parameters()}};
    for (size_t i = 0; i < places.size(); ++i) {
      json["choice"].push_back({{"block", i}, {"id", model.notes.block_ids[i]}, {"stays", places[i] >= 0}});
      if (!choice.worth.empty()) json["choice"].back()[choice.measure] = choice.worth[i];
    }
    print_json(json);
    return;
  }
  if (common.quiet) return;
  if (!choice.worth.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (size_t i = 0; i < places.size(); ++i)
      rows.push_back({model.notes.block_ids[i],
                      std::isnan(choice.worth[i]) ? "" : fmt::format("{:.4f}", choice.worth[i]),
                      places[i] >= 0 ? "stays" : "goes"});
    print_table({"block", "#" + choice.measure, ""}, rows);
  }
  std::cout << fmt::format("{}: route {} of {}, {} of {} blocks, {:.1f} % of the parameters\n", options.output, text,
                           options.model, pruned.stack().depth(), model.stack().depth(),
                           100.0 * static_cast<double>(pruned.stack().weights.parameters()) /
                               static_cast<double>(model.stack().weights.parameters()));
}

}  // namespace strata::cli
