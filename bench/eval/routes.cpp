// Scoring 100 routes of a 12-block vision transformer along their trie and one by one, with the same scores.
// block_passes is what the trie saves in block passes, the bound for the ratio of times.
//   build/bench/strata_train_bench --benchmark_filter=score --benchmark_enable_random_interleaving=true
//   --benchmark_repetitions=9
#include <benchmark/benchmark.h>

#include "strata/eval/score.h"
#include "strata/models/vit.h"
#include "strata/route/sampler.h"

namespace strata {
namespace {

void score_100(benchmark::State& state, const char* kind, bool share) {
  constexpr int64_t kDepth = 12, kImages = 200;
  VitConfig config = vit_size("fashion");
  config.depth = kDepth;
  const Stack stack = make_vit(config, Random(1));
  std::vector<Route> routes;
  for (int i = 0; i < 100; ++i)
    routes.push_back(
        draw({.kind = kind, .window = kind[0] == 's' ? 4 : 0, .drop = 0.2}, kDepth, 1, Random(2).fork(i)).route);
  const ImageSet set{.pixels = at::randint(256, {kImages, 1, 28, 28}, at::kByte),
                     .labels = at::randint(10, {kImages}, at::kLong)};
  TrieReport report;
  for (auto _ : state) benchmark::DoNotOptimize(score_routes(stack, routes, set, {}, kImages, &report, share));
  const auto one = score(stack, routes[50], set, {}, kImages);
  if (score_routes(stack, routes, set, {}, kImages, nullptr, share)[50] != one)
    state.SkipWithError("the scores differ");
  state.counters["block_passes"] = report.cost_one_by_one / report.cost;
}

BENCHMARK_CAPTURE(score_100, shuffle_window_4_trie, "shuffle", true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(score_100, shuffle_window_4_one_by_one, "shuffle", false)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(score_100, drop_20_percent_trie, "drop", true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(score_100, drop_20_percent_one_by_one, "drop", false)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace strata
