#include "bench/kernels/kernel_bench.h"
#include "strata/kernels/adamw.h"
#include "strata/kernels/cross_entropy.h"

namespace strata::bench {
namespace {

void cross_entropy(benchmark::State& state) {
  const int64_t rows = state.range(0);
  const int64_t classes = state.range(1);
  if (!choose_level(state, state.range(2))) return;
  const Floats logits = normals(rows * classes);
  const std::vector<int64_t> targets(rows, classes / 2);
  Floats loss(rows);
  Floats dlogits(logits.size());
  for (auto _ : state)
    strata::cross_entropy({.rows = rows,
                           .classes = classes,
                           .logits = logits.data(),
                           .targets = targets.data(),
                           .smoothing = 0.1F,
                           .loss = loss.data(),
                           .dlogits = dlogits.data()});
  report(state, 8.0 * rows * classes);
}
BENCHMARK(cross_entropy)
    ->ArgsProduct({{256}, {10, 1000, 50257}, {0, 1, 2}})
    ->ArgNames({"rows", "classes", "level"})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

// Tensors of 12 blocks with four matrices and a few vectors each.
void adamw(benchmark::State& state) {
  const int64_t width = state.range(0);
  if (!choose_level(state, state.range(1))) return;
  std::vector<Floats> memory;
  std::vector<AdamwTensor> tensors;
  int64_t total = 0;
  for (int block = 0; block < 12; ++block)
    for (const int64_t count :
         {3 * width * width, width * width, 4 * width * width, 4 * width * width, width, width, 4 * width}) {
      for (int i = 0; i < 4; ++i) memory.push_back(normals(count, i));
      for (float& v : memory.back()) v = v * v;
      auto* last = &memory.back();
      tensors.push_back({.count = count,
                         .param = last[-3].data(),
                         .grad = last[-2].data(),
                         .first = last[-1].data(),
                         .second = last->data()});
      total += count;
    }
  for (auto _ : state) strata::adamw(tensors, {.learning_rate = 1e-6});
  report(state, 28.0 * total);
}
BENCHMARK(adamw)
    ->ArgsProduct({{48, 192, 512}, {0, 1, 2}})
    ->ArgNames({"width", "level"})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

}  // namespace
}  // namespace strata::bench
