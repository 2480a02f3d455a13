#pragma once

#include <benchmark/benchmark.h>

#include <vector>

#include "strata/base/random.h"
#include "strata/base/threads.h"
#include "strata/kernels/isa.h"

namespace strata::bench {

using Floats = std::vector<float>;

inline Floats normals(int64_t count, uint64_t seed = 1) {
  Random random(seed);
  Floats values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

/// The level a run is for is its last argument; runs of levels this machine lacks are skipped.
inline bool choose_level(benchmark::State& state, int64_t level) {
  const auto isa = static_cast<Isa>(level);
  if (!isa_supported(isa)) {
    state.SkipWithError("this processor lacks the level");
    return false;
  }
  set_isa(isa);
  state.SetLabel(std::string(isa_name(isa)) + ", threads " + std::to_string(threads()));
  return true;
}

/// Bytes a kernel must move per call, and operations where it computes more than it moves.
inline void report(benchmark::State& state, double bytes, double operations = 0) {
  const auto calls = static_cast<double>(state.iterations());
  state.counters["GB/s"] = benchmark::Counter(calls * bytes * 1e-9, benchmark::Counter::kIsRate);
  if (operations > 0)
    state.counters["GFLOP/s"] = benchmark::Counter(calls * operations * 1e-9, benchmark::Counter::kIsRate);
}

/// Rows and channels of the Fashion-MNIST model's step, of ViT-Ti/16 at batch 16, and larger than the caches; each at
/// every level.
inline void row_shapes(benchmark::internal::Benchmark* run) {
  for (const auto& shape : {std::pair<int64_t, int64_t>{4352, 48}, {4352, 96}, {3152, 192}, {65536, 192}})
    for (const int64_t level : {0, 1, 2}) run->Args({shape.first, shape.second, level});
  run->ArgNames({"rows", "channels", "level"})->Unit(benchmark::kMicrosecond)->UseRealTime();
}

}  // namespace strata::bench
