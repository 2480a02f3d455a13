#include "strata/eval/score.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <chrono>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/ops/loss.h"
#include "strata/route/trie.h"

namespace strata {
namespace {

struct Sums {
  int64_t correct = 0;
  double loss = 0;

  void add(const Tensor& logits, const Tensor& labels) {
    correct += logits.argmax(1).eq(labels).sum().item<int64_t>();
    loss += ops::cross_entropy(logits, labels).item<double>() * static_cast<double>(labels.size(0));
  }
};

// One stream per depth: the streams of siblings are never needed at the same time. `sink` gets node and logits.
template <class Sink>
void walk(const Runner& runner, const Trie& trie, const std::vector<Visit>& visits, const Stream& embedded,
          Sink&& sink) {
  struct Level {
    Stream stream;
    Runner::Progress progress;
  };
  std::vector<Level> levels(1);
  levels[0].stream = embedded;
  if (!trie.nodes[0].routes.empty()) sink(0, runner.head(embedded).x());
  for (const Visit& visit : visits) {
    const Trie::Node& node = trie.nodes[visit.node];
    levels.resize(std::max<size_t>(levels.size(), node.depth + 1));
    Level& parent = levels[node.depth - 1];
    Level& level = levels[node.depth];
    level.progress = parent.progress;
    level.stream = runner.step(node.step, parent.stream, level.progress);
    if (visit.last) parent.stream = {};
    if (!node.routes.empty()) sink(visit.node, runner.head(level.stream).x());
  }
}

std::vector<Score> score_all(const Stack& stack, const std::vector<Route>& routes, const ImageSet& set,
                             const ImageConfig& config, int64_t batch, bool share_prefixes, const RunOptions& options,
                             TrieReport* report) {
  check_scorable(stack, set, batch);
  const auto start = std::chrono::steady_clock::now();
  const c10::InferenceMode no_gradients;
  const Runner runner(stack, options);
  for (const Route& route : routes) runner.check(route, batch);
  std::vector<Trie> tries;
  if (share_prefixes) {
    tries.push_back(make_trie(routes));
  } else {
    for (const Route& route : routes) tries.push_back(make_trie({route}));
  }
  std::vector<std::vector<Visit>> visits;
  std::vector<std::vector<Sums>> sums;
  for (const Trie& trie : tries) {
    visits.push_back(depth_first(trie));
    sums.emplace_back(trie.nodes.size());
  }
  for (int64_t first = 0; first < set.size(); first += batch) {
    const int64_t end = std::min(first + batch, set.size());
    const Tensor labels = set.labels.slice(0, first, end);
    const Stream images = image_stream(normalised(image_batch(set, first, end), config));
    Stream embedded;
    for (size_t i = 0; i < tries.size(); ++i) {
      if (i == 0 || !share_prefixes) embedded = runner.embed(images);
      walk(runner, tries[i], visits[i], embedded,
           [&](int32_t node, const Tensor& logits) { sums[i][node].add(logits, labels); });
    }
  }
  std::vector<Score> scores(routes.size());
  TrieReport costs;
  Sources chains;
  if (options.sources)
    for (const auto& [name, source] : *options.sources) chains.emplace(name, source->chain);
  const CallCost call_cost = part_cost(stack.chain, chains);
  for (size_t i = 0; i < tries.size(); ++i) {
    costs.cost += cost(tries[i], call_cost);
    costs.cost_one_by_one += cost_one_by_one(tries[i], call_cost);
    for (size_t node = 0; node < tries[i].nodes.size(); ++node)
      for (const int32_t route : tries[i].nodes[node].routes) {
        const auto samples = static_cast<double>(set.size());
        scores[share_prefixes ? route : static_cast<int32_t>(i)] = {
            set.size(), static_cast<double>(sums[i][node].correct) / samples, sums[i][node].loss / samples};
      }
  }
  costs.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (report) *report = costs;
  return scores;
}

}  // namespace

void check_scorable(const Stack& stack, const ImageSet& set, int64_t batch) {
  if (batch < 1) fail_usage("score: batch must be at least 1, got ", batch);
  if (set.size() < 1) fail("score: the data set '", set.name, "' is empty");
  const int64_t classes = stack.head ? stack.head->spec().out.front().channels : 0;
  if (set.labels.min().item<int64_t>() < 0 || set.labels.max().item<int64_t>() >= classes)
    fail("score: expected labels below ", classes, ", the classes the model knows, found up to ",
         set.labels.max().item<int64_t>(), "; is '", set.name, "' the data it was trained for?");
}

std::vector<Tensor> route_outputs(const Runner& runner, const std::vector<Route>& routes, const Stream& input) {
  for (const Route& route : routes) runner.check(route, input.rows()->sequences);
  const Trie trie = make_trie(routes);
  std::vector<Tensor> outputs(routes.size());
  walk(runner, trie, depth_first(trie), runner.embed(input), [&](int32_t node, const Tensor& logits) {
    for (const int32_t route : trie.nodes[node].routes) outputs[route] = logits;
  });
  return outputs;
}

Score score(const Stack& stack, const Route& route, const ImageSet& set, const ImageConfig& config, int64_t batch,
            const RunOptions& options) {
  return score_all(stack, {route}, set, config, batch, true, options, nullptr).front();
}

std::vector<Score> score_routes(const Stack& stack, const std::vector<Route>& routes, const ImageSet& set,
                                const ImageConfig& config, int64_t batch, TrieReport* report, bool share_prefixes,
                                const StackSources* sources) {
  const RunOptions options{.sources = sources};
  return score_all(stack, routes, set, config, batch, share_prefixes, options, report);
}

}  // namespace strata
