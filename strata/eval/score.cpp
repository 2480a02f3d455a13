#include "strata/eval/score.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <numbers>

#include "strata/base/error.h"
#include "strata/ops/loss.h"
#include "strata/route/trie.h"

namespace strata {
namespace {

constexpr int64_t kLogits = int64_t{1} << 22;  // that exist at a time where rows can be asked piece by piece

struct Sums {
  int64_t correct = 0;
  double loss = 0;

  void add(const Tensor& logits, const Tensor& labels) {
    correct += logits.argmax(1).eq(labels).sum().item<int64_t>();
    loss += ops::cross_entropy(logits, labels).item<double>() * static_cast<double>(labels.size(0));
  }

  // A large vocabulary: a few rows at a time, and none where nothing is asked.
  void add_by_row(const Runner& runner, const Stream& x, const Tensor& targets, int64_t classes) {
    const Tensor asked = at::nonzero(targets.ne(-100)).squeeze(1);
    const Tensor rows = x.x().index_select(0, asked), wanted = targets.index_select(0, asked);
    const int64_t most = std::max<int64_t>(1, kLogits / classes);
    for (int64_t first = 0; first < wanted.size(0); first += most) {
      const int64_t count = std::min(most, wanted.size(0) - first);
      const Stream part(x.main().name, rows.narrow(0, first, count), equal_rows(1, count));
      add(runner.head(part).x(), wanted.narrow(0, first, count));
    }
  }
};

// One stream per depth: the streams of siblings are never needed at the same time. `sink` gets node and stream.
template <class Sink>
void walk(const Runner& runner, const Trie& trie, const std::vector<Visit>& visits, const Stream& embedded,
          Sink&& sink) {
  struct Level {
    Stream stream;
    Runner::Progress progress;
  };
  std::vector<Level> levels(1);
  levels[0].stream = embedded;
  if (!trie.nodes[0].routes.empty()) sink(0, embedded);
  for (const Visit& visit : visits) {
    const Trie::Node& node = trie.nodes[visit.node];
    levels.resize(std::max<size_t>(levels.size(), node.depth + 1));
    Level& parent = levels[node.depth - 1];
    Level& level = levels[node.depth];
    level.progress = parent.progress;
    level.stream = runner.step(node.step, parent.stream, level.progress);
    if (visit.last) parent.stream = {};
    if (!node.routes.empty()) sink(visit.node, level.stream);
  }
}

std::vector<Score> score_all(const Stack& stack, const std::vector<Route>& routes, const Exam& exam,
                             bool share_prefixes, const RunOptions& options, TrieReport* report) {
  exam.check(stack);
  const auto start = std::chrono::steady_clock::now();
  const c10::InferenceMode no_gradients;
  const Runner runner(stack, options);
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
  const int64_t classes = stack.head->spec().out.front().channels;
  for (int64_t number = 0; number < exam.batches(); ++number) {
    const ExamBatch batch = exam.at(number);
    for (const Route& route : routes)
      if (number == 0) runner.check(route, batch.input.rows()->sequences);
    Stream embedded;
    for (size_t i = 0; i < tries.size(); ++i) {
      if (i == 0 || !share_prefixes) embedded = runner.embed(batch.input);
      walk(runner, tries[i], visits[i], embedded, [&](int32_t node, const Stream& stream) {
        if (exam.by_row())
          sums[i][node].add_by_row(runner, stream, batch.targets, classes);
        else
          sums[i][node].add(runner.head(stream).x(), batch.targets);
      });
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
        const auto samples = static_cast<double>(exam.samples());
        const double nats = sums[i][node].loss;
        scores[share_prefixes ? route : static_cast<int32_t>(i)] = {
            exam.samples(), static_cast<double>(sums[i][node].correct) / samples, nats / samples,
            exam.bytes() > 0 ? nats / std::numbers::ln2 / exam.bytes() : 0};
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
  walk(runner, trie, depth_first(trie), runner.embed(input), [&](int32_t node, const Stream& stream) {
    const Tensor logits = runner.head(stream).x();
    for (const int32_t route : trie.nodes[node].routes) outputs[route] = logits;
  });
  return outputs;
}

Score score(const Stack& stack, const Route& route, const Exam& exam, const RunOptions& options) {
  return score_all(stack, {route}, exam, true, options, nullptr).front();
}

Score score(const Stack& stack, const Route& route, const ImageSet& set, const ImageConfig& config, int64_t batch,
            const RunOptions& options) {
  return score(stack, route, ImageExam(set, config, batch), options);
}

std::vector<Score> score_routes(const Stack& stack, const std::vector<Route>& routes, const Exam& exam,
                                TrieReport* report, bool share_prefixes, const StackSources* sources) {
  const RunOptions options{.sources = sources};
  return score_all(stack, routes, exam, share_prefixes, options, report);
}

std::vector<Score> score_routes(const Stack& stack, const std::vector<Route>& routes, const ImageSet& set,
                                const ImageConfig& config, int64_t batch, TrieReport* report, bool share_prefixes,
                                const StackSources* sources) {
  return score_routes(stack, routes, ImageExam(set, config, batch), report, share_prefixes, sources);
}

}  // namespace strata
