#include "strata/kernels/activation.h"

#include "bench/kernels/kernel_bench.h"

namespace strata::bench {
namespace {

void gelu_forward(benchmark::State& state) {
  const int64_t rows = state.range(0);
  const int64_t channels = state.range(1);
  if (!choose_level(state, state.range(2))) return;
  const Floats x = normals(rows * channels);
  const Floats bias = normals(channels);
  Floats y(x.size());
  for (auto _ : state)
    strata::gelu_forward({.rows = rows, .channels = channels, .x = x.data(), .bias = bias.data(), .y = y.data()});
  report(state, 8.0 * rows * channels);
}
BENCHMARK(gelu_forward)->Apply(row_shapes);

void gelu_backward(benchmark::State& state) {
  const int64_t rows = state.range(0);
  const int64_t channels = state.range(1);
  if (!choose_level(state, state.range(2))) return;
  const Floats x = normals(rows * channels);
  const Floats dy = normals(rows * channels, 2);
  const Floats bias = normals(channels);
  Floats dx(x.size());
  Floats dbias(channels);
  for (auto _ : state)
    strata::gelu_backward({.rows = rows,
                           .channels = channels,
                           .dy = dy.data(),
                           .x = x.data(),
                           .bias = bias.data(),
                           .dx = dx.data(),
                           .dbias = dbias.data()});
  report(state, 12.0 * rows * channels);
}
BENCHMARK(gelu_backward)->Apply(row_shapes);

void swiglu_backward(benchmark::State& state) {
  const int64_t rows = state.range(0);
  const int64_t channels = state.range(1);
  if (!choose_level(state, state.range(2))) return;
  const Floats wide = normals(2 * rows * channels);
  const Floats dy = normals(rows * channels, 2);
  Floats dwide(wide.size());
  for (auto _ : state)
    strata::swiglu_backward({.rows = rows,
                             .channels = channels,
                             .stride = 2 * channels,
                             .dy = dy.data(),
                             .gate = wide.data(),
                             .up = wide.data() + channels,
                             .dgate = dwide.data(),
                             .dup = dwide.data() + channels});
  report(state, 20.0 * rows * channels);
}
BENCHMARK(swiglu_backward)->Apply(row_shapes);

void bias_grad(benchmark::State& state) {
  const int64_t rows = state.range(0);
  const int64_t channels = state.range(1);
  if (!choose_level(state, state.range(2))) return;
  const Floats x = normals(rows * channels);
  Floats out(channels);
  for (auto _ : state) strata::bias_grad({.rows = rows, .channels = channels, .x = x.data(), .out = out.data()});
  report(state, 4.0 * rows * channels);
}
BENCHMARK(bias_grad)->Apply(row_shapes);

}  // namespace
}  // namespace strata::bench
