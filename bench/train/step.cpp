// One training step of the Fashion-MNIST vision transformer (forward, loss, backward, AdamW) on our operators and on
// plain ATen ones, in one binary.
//   build/bench/strata_train_bench --benchmark_enable_random_interleaving=true --benchmark_repetitions=9
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "strata/base/block_pool.h"
#include "strata/base/threads.h"
#include "strata/blocks/patches.h"
#include "strata/kernels/adamw.h"
#include "strata/models/vit.h"
#include "strata/ops/host_memory.h"
#include "strata/ops/loss.h"
#include "strata/ops/mode.h"
#include "strata/stack/run.h"

namespace strata {
namespace {

void training_step(benchmark::State& state, bool composite, bool backward, const char* size, int64_t batch) {
  const VitConfig config = vit_size(size);
  Stack stack = make_vit(config, Random(1));
  std::vector<AdamwTensor> updates;
  std::vector<Tensor> moments;
  for (auto& entry : stack.weights.entries()) {
    entry.value.set_requires_grad(true);
    for (int i = 0; i < 2; ++i) moments.push_back(at::zeros_like(entry.value));
  }
  const Tensor pixels = at::randn({batch, config.image_channels, config.image_height, config.image_width});
  const Tensor targets = at::randint(config.classes, {batch}, at::kLong);
  const Route route = identity(config.depth);
  const ops::CompositeGuard guard(composite);
  int64_t step = 0;
  for (auto _ : state) {
    Tensor loss = ops::cross_entropy(run(stack, route, image_stream(pixels)).x(), targets);
    if (!backward) continue;
    loss.backward();
    updates.clear();
    ++step;
    for (size_t i = 0; i < stack.weights.entries().size(); ++i) {
      Tensor& value = stack.weights.entries()[i].value;
      updates.push_back({.count = value.numel(),
                         .param = value.mutable_data_ptr<float>(),
                         .grad = value.grad().const_data_ptr<float>(),
                         .first = moments[2 * i].mutable_data_ptr<float>(),
                         .second = moments[2 * i + 1].mutable_data_ptr<float>(),
                         .step = step});
    }
    adamw(updates, {.learning_rate = 1e-4});
    for (auto& entry : stack.weights.entries()) entry.value.mutable_grad() = Tensor();
  }
  state.SetItemsProcessed(state.iterations() * batch);
}

BENCHMARK_CAPTURE(training_step, fashion, false, true, "fashion", 256)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(training_step, fashion_aten, true, true, "fashion", 256)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(training_step, fashion_forward, false, false, "fashion", 256)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(training_step, vit_ti, false, true, "Ti/16", 16)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace strata

int main(int argc, char** argv) {
  if (strata::choose_allocator().pool) strata::use_block_pool();
  strata::set_threads(strata::choose_threads().count);
  at::set_num_threads(strata::threads());
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
