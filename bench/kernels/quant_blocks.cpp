#include "strata/kernels/quant_blocks.h"

#include "bench/kernels/kernel_bench.h"

namespace strata::bench {
namespace {

constexpr int64_t kNumbers = int64_t{1} << 22;  // 16 MiB of float32: larger than the caches

// Bytes are those of the float32 side.
void quantise_blocks(benchmark::State& state) {
  const auto type = static_cast<BlockType>(state.range(0));
  if (!choose_level(state, state.range(1))) return;
  const Floats x = normals(kNumbers);
  std::vector<std::byte> blocks(block_bytes(type, kNumbers));
  for (auto _ : state) quantise(type, x.data(), blocks.data(), kNumbers);
  report(state, 4.0 * kNumbers);
}
BENCHMARK(quantise_blocks)
    ->ArgsProduct({{static_cast<int64_t>(BlockType::Q8_0), static_cast<int64_t>(BlockType::F16)}, {0, 1, 2}})
    ->ArgNames({"type", "level"})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void dequantise_blocks(benchmark::State& state) {
  const auto type = static_cast<BlockType>(state.range(0));
  if (!choose_level(state, state.range(1))) return;
  std::vector<std::byte> blocks(block_bytes(type, kNumbers));  // zeros are blocks of every type
  Floats x(kNumbers);
  for (auto _ : state) dequantise(type, blocks.data(), x.data(), kNumbers);
  report(state, 4.0 * kNumbers);
}
BENCHMARK(dequantise_blocks)
    ->ArgsProduct({{static_cast<int64_t>(BlockType::Q8_0), static_cast<int64_t>(BlockType::Q4_0),
                    static_cast<int64_t>(BlockType::Q4_K), static_cast<int64_t>(BlockType::Q6_K)},
                   {0, 1, 2}})
    ->ArgNames({"type", "level"})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace strata::bench
