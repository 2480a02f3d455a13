#include "strata/eval/probe.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "strata/base/error.h"
#include "strata/eval/block_scores.h"
#include "strata/eval/score.h"
#include "strata/route/order.h"
#include "strata/route/print.h"

namespace strata {
namespace {

int64_t class_count(const ImageSet& set) {
  return set.classes.empty() ? set.labels.max().item<int64_t>() + 1 : std::ssize(set.classes);
}

// Scores of all routes over all images, a batch at a time so that there is something to tell in between.
std::vector<Score> score_all(const Stack& stack, const std::vector<Route>& routes, const ImageSet& set,
                             const ImageConfig& images, int64_t batch, const ProbeProgress& progress,
                             ElasticityReport::Work& work) {
  std::vector<Score> sums(routes.size());
  for (int64_t first = 0; first < set.size(); first += batch) {
    const int64_t end = std::min(first + batch, set.size());
    TrieReport trie;
    const auto scores = score_routes(stack, routes, slice(set, first, end), images, batch, &trie);
    for (size_t i = 0; i < routes.size(); ++i) {
      const auto count = static_cast<double>(scores[i].samples);
      sums[i].samples += scores[i].samples;
      sums[i].accuracy += std::round(scores[i].accuracy * count);  // a whole number of images
      sums[i].loss += scores[i].loss * count;
    }
    work.passes = trie.cost;
    work.passes_one_by_one = trie.cost_one_by_one;
    if (progress) progress(end, set.size());
  }
  for (Score& sum : sums) {
    sum.accuracy /= static_cast<double>(sum.samples);
    sum.loss /= static_cast<double>(sum.samples);
  }
  return sums;
}

BlockWidths widths_of(const Stack& stack) {
  if (stack.chain.blocks.empty()) return {};
  BlockWidths widths{stack.chain.blocks.front().heads, stack.chain.blocks.front().neurons};
  for (const BlockSpec& block : stack.chain.blocks) {  // one matrix for all blocks: what they all have
    widths.heads = std::min(widths.heads, block.heads);
    widths.neurons = std::min(widths.neurons, block.neurons);
  }
  return widths;
}

// Chosen on some images, measured on others: what looks best among many is flattered by the images it was chosen on.
std::vector<ElasticityReport::Budget> budgets_of(const Stack& stack, const ImageSet& choice, const ImageSet& used,
                                                 const ImageConfig& images, const ProbeConfig& config) {
  const ImageSet seen = slice(choice, 0, std::min(config.choice_images, choice.size()));
  std::vector<Route> routes{identity(stack.depth())};
  std::vector<Score> chosen{score(stack, routes[0], seen, images, config.batch)};
  for (const Removal& removal : remove_greedily(stack, stack.depth(), seen, images, config.batch)) {
    routes.push_back(removal.left);
    chosen.push_back(removal.score);
  }
  const auto scores = score_routes(stack, routes, used, images, config.batch);
  std::vector<ElasticityReport::Budget> budgets;
  double best = -1;
  for (size_t i = routes.size(); i-- > 0;) {
    const double accuracy = scores[i].accuracy;
    budgets.push_back(
        {std::ssize(routes[i].steps),
         {print_route(routes[i]), accuracy, scores[i].loss, wilson(accuracy, used.size(), config.confidence)},
         chosen[i].accuracy,
         chosen[i].accuracy > best});
    best = std::max(best, chosen[i].accuracy);
  }
  return budgets;
}

}  // namespace

double ElasticityReport::noise() const {
  const Interval any = wilson(any_order.mean, images, confidence);
  const double routes = std::isnan(any_order.low) ? 0 : any_order.half_width();
  return std::hypot((in_order.images.high - in_order.images.low) / 2, (any.high - any.low) / 2, routes);
}

ElasticityReport probe(const std::string& name, const Stack& stack, const ImageSet& set, const ImageConfig& images,
                       const ProbeConfig& config, const ProbeProgress& progress, const ImageSet* choice) {
  const auto start = std::chrono::steady_clock::now();
  const ProbePlan plan = plan_probe(stack.depth(), config, widths_of(stack));
  if (set.size() < 1) fail("probe: the data set '", set.name, "' is empty");
  const ImageSet used = config.images > 0 ? slice(set, 0, std::min(config.images, set.size())) : set;

  ElasticityReport report{.name = name,
                          .data = set.name,
                          .images = used.size(),
                          .classes = class_count(set),
                          .depth = stack.depth(),
                          .confidence = config.confidence,
                          .seed = config.seed};
  report.work.routes = std::ssize(plan.routes);
  const auto scores = score_all(stack, plan.routes, used, images, config.batch, progress, report.work);

  const auto measured = [&](int32_t route) {
    return ElasticityReport::Measured{print_route(plan.routes[route]), scores[route].accuracy, scores[route].loss,
                                      wilson(scores[route].accuracy, used.size(), config.confidence)};
  };
  const auto spread = [&](const RouteGroup& group) {
    std::vector<double> values;
    for (const int32_t route : group.routes) values.push_back(scores[route].accuracy);
    return spread_of(values, group.population, config.confidence);
  };
  report.in_order = measured(plan.in_order);
  report.any_order = spread(plan.orders);
  for (const int32_t route : plan.orders.routes)
    report.orders.push_back({print_route(plan.routes[route]), kendall_tau_distance(plan.routes[route]),
                             scores[route].accuracy, scores[route].loss});
  for (const auto& at : plan.distances) report.distances.push_back({at.distance, spread(at.orders)});
  for (int64_t missing = 0; missing <= report.depth; ++missing)
    report.missing.push_back(
        {missing, spread(plan.missing_in_order[missing]), spread(plan.missing_any_order[missing])});
  for (const int32_t route : plan.without) report.without.push_back(measured(route));
  for (const int32_t route : plan.exits) report.exits.push_back(measured(route));
  for (const int32_t route : plan.pairs)
    report.pairs.push_back(route < 0 ? std::numeric_limits<double>::quiet_NaN() : scores[route].accuracy);
  for (const auto& in : plan.windows) report.windows.push_back({in.window, spread(in.orders)});
  for (const int32_t route : plan.heads) report.heads.push_back(scores[route].accuracy);
  for (const int32_t route : plan.neurons) report.neurons.push_back(scores[route].accuracy);
  if (choice && config.choice_images > 0) report.budgets = budgets_of(stack, *choice, used, images, config);

  if (config.timing_images > 0) {
    const ImageSet timed = slice(used, 0, std::min(config.timing_images, used.size()));
    TrieReport shared, apart;
    score_routes(stack, plan.routes, timed, images, config.batch, &shared, true);
    score_routes(stack, plan.routes, timed, images, config.batch, &apart, false);
    report.work.timing_images = timed.size();
    report.work.timing_shared = shared.seconds;
    report.work.timing_one_by_one = apart.seconds;
  }
  if (config.map_images > 0) {
    std::vector<Route> orders;
    for (size_t i = 0; i < plan.orders.routes.size() && std::ssize(orders) < config.map_orders; ++i)
      orders.push_back(plan.routes[plan.orders.routes[i]]);
    const ImageSet shown = slice(used, 0, std::min(config.map_images, used.size()));
    report.map =
        map_blocks(block_outputs(stack, orders, normalised(image_batch(shown, 0, shown.size()), images)), config.seed);
  }
  report.work.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace strata
