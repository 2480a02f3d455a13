#include "strata/eval/probe.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>

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

// One batch of an exam.
class OneBatch final : public Exam {
 public:
  OneBatch(const Exam& exam, int64_t batch)
      : exam_(exam), batch_(exam.at(batch)), samples_(at::sum(batch_.targets.ne(-100)).item<int64_t>()) {}
  std::string name() const override { return exam_.name(); }
  int64_t samples() const override { return samples_; }
  int64_t batches() const override { return 1; }
  ExamBatch at(int64_t) const override { return batch_; }
  bool by_row() const override { return exam_.by_row(); }
  void check(const Stack& stack) const override { exam_.check(stack); }

 private:
  const Exam& exam_;
  ExamBatch batch_;
  int64_t samples_;
};

// Scores of all routes over all questions, a batch at a time so that there is something to tell in between.
std::vector<Score> score_all(const Stack& stack, const std::vector<Route>& routes, const Exam& exam,
                             const ProbeProgress& progress, ElasticityReport::Work& work) {
  std::vector<Score> sums(routes.size());
  for (int64_t batch = 0; batch < exam.batches(); ++batch) {
    TrieReport trie;
    const auto scores = score_routes(stack, routes, OneBatch(exam, batch), &trie);
    for (size_t i = 0; i < routes.size(); ++i) {
      const auto count = static_cast<double>(scores[i].samples);
      sums[i].samples += scores[i].samples;
      sums[i].accuracy += std::round(scores[i].accuracy * count);  // a whole number of samples
      sums[i].loss += scores[i].loss * count;
    }
    work.passes = trie.cost;
    work.passes_one_by_one = trie.cost_one_by_one;
    if (progress) progress(sums[0].samples, exam.samples());
  }
  for (Score& sum : sums) {
    if (exam.bytes() > 0) sum.bits_per_byte = sum.loss / std::numbers::ln2 / exam.bytes();
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

// Chosen on some samples, measured on others: what looks best among many is flattered by those it was chosen on.
std::vector<ElasticityReport::Budget> budgets_of(const Stack& stack, const Exam& choice, const Exam& exam,
                                                 double confidence) {
  std::vector<Route> routes{identity(stack.depth())};
  std::vector<Score> chosen{score(stack, routes[0], choice)};
  for (const Removal& removal : remove_greedily(stack, stack.depth(), choice)) {
    routes.push_back(removal.left);
    chosen.push_back(removal.score);
  }
  const auto scores = score_routes(stack, routes, exam);
  std::vector<ElasticityReport::Budget> budgets;
  double best = -1;
  for (size_t i = routes.size(); i-- > 0;) {
    const double accuracy = scores[i].accuracy;
    budgets.push_back({std::ssize(routes[i].steps),
                       {print_route(routes[i]), accuracy, scores[i].loss, wilson(accuracy, exam.samples(), confidence),
                        scores[i].bits_per_byte},
                       chosen[i].accuracy,
                       chosen[i].accuracy > best});
    best = std::max(best, chosen[i].accuracy);
  }
  return budgets;
}

// All but the map; what is not there is not measured.
ElasticityReport measure(const std::string& name, const Stack& stack, const ProbePlan& plan, const Exam& exam,
                         const char* unit, int64_t classes, const ProbeConfig& config, const ProbeProgress& progress,
                         const Exam* choice, const Exam* timed) {
  ElasticityReport report{.name = name,
                          .data = exam.name(),
                          .unit = unit,
                          .images = exam.samples(),
                          .classes = classes,
                          .depth = stack.depth(),
                          .confidence = config.confidence,
                          .seed = config.seed};
  report.work.routes = std::ssize(plan.routes);
  const auto scores = score_all(stack, plan.routes, exam, progress, report.work);

  const auto measured = [&](int32_t route) {
    return ElasticityReport::Measured{print_route(plan.routes[route]), scores[route].accuracy, scores[route].loss,
                                      wilson(scores[route].accuracy, exam.samples(), config.confidence),
                                      scores[route].bits_per_byte};
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
  if (choice) report.budgets = budgets_of(stack, *choice, exam, config.confidence);

  if (timed) {
    TrieReport shared, apart;
    score_routes(stack, plan.routes, *timed, &shared, true);
    score_routes(stack, plan.routes, *timed, &apart, false);
    report.work.timing_images = timed->samples();
    report.work.timing_shared = shared.seconds;
    report.work.timing_one_by_one = apart.seconds;
  }
  return report;
}

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
  const auto first = [](const ImageSet& from, int64_t count) { return slice(from, 0, std::min(count, from.size())); };
  const ImageSet used = config.images > 0 ? first(set, config.images) : set, timed = first(used, config.timing_images),
                 chosen = choice ? first(*choice, config.choice_images) : ImageSet{.labels = set.labels.slice(0, 0, 0)};
  const ImageExam exam(used, images, config.batch), timing(timed, images, config.batch),
      choosing(chosen, images, config.batch);
  ElasticityReport report =
      measure(name, stack, plan, exam, "images", class_count(set), config, progress,
              chosen.size() > 0 ? &choosing : nullptr, config.timing_images > 0 ? &timing : nullptr);
  if (config.map_images > 0) {
    std::vector<Route> orders;
    for (size_t i = 0; i < plan.orders.routes.size() && std::ssize(orders) < config.map_orders; ++i)
      orders.push_back(plan.routes[plan.orders.routes[i]]);
    const ImageSet shown = slice(used, 0, std::min(config.map_images, used.size()));
    report.map =
        map_blocks(block_outputs(stack, orders, normalised(image_batch(shown, 0, shown.size()), images)), config.seed);
  }
  report.work.seconds = since(start);
  return report;
}

ElasticityReport probe(const std::string& name, const Stack& stack, const TextExam& exam, const ProbeConfig& config,
                       const ProbeProgress& progress, const TextExam* choice) {
  const auto start = std::chrono::steady_clock::now();
  const ProbePlan plan = plan_probe(stack.depth(), config, widths_of(stack));
  const int64_t vocab = stack.head ? stack.head->spec().out.front().channels : 0;
  const OneBatch timed(exam, 0);
  ElasticityReport report = measure(name, stack, plan, exam, "tokens", vocab, config, progress, choice,
                                    config.timing_images > 0 ? &timed : nullptr);
  report.work.seconds = since(start);
  return report;
}

}  // namespace strata
