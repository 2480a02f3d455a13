#include "strata/kernels/norm.h"

#include "bench/kernels/kernel_bench.h"

namespace strata::bench {
namespace {

void residual_layer_norm_forward(benchmark::State& state) {
  const int64_t rows = state.range(0);
  const int64_t channels = state.range(1);
  if (!choose_level(state, state.range(2))) return;
  const Floats x = normals(rows * channels);
  const Floats delta = normals(rows * channels, 2);
  const Floats gain = normals(channels);
  Floats stream(x.size());
  Floats y(x.size());
  Floats mean(rows);
  Floats rstd(rows);
  for (auto _ : state)
    layer_norm_forward({.rows = rows,
                        .channels = channels,
                        .x = x.data(),
                        .delta = delta.data(),
                        .delta_bias = gain.data(),
                        .gain = gain.data(),
                        .bias = gain.data(),
                        .stream = stream.data(),
                        .y = y.data(),
                        .mean = mean.data(),
                        .rstd = rstd.data()});
  report(state, 16.0 * rows * channels);
}
BENCHMARK(residual_layer_norm_forward)->Apply(row_shapes);

void residual_layer_norm_backward(benchmark::State& state) {
  const int64_t rows = state.range(0);
  const int64_t channels = state.range(1);
  if (!choose_level(state, state.range(2))) return;
  const Floats stream = normals(rows * channels);
  const Floats dy = normals(rows * channels, 2);
  const Floats incoming = normals(rows * channels, 3);
  const Floats gain = normals(channels);
  const Floats mean(rows, 0.0F);
  const Floats rstd(rows, 1.0F);
  Floats dstream(stream.size());
  Floats dgain(channels);
  Floats dbias(channels);
  Floats ddelta_bias(channels);
  for (auto _ : state)
    layer_norm_backward({.rows = rows,
                         .channels = channels,
                         .dy = dy.data(),
                         .stream = stream.data(),
                         .mean = mean.data(),
                         .rstd = rstd.data(),
                         .gain = gain.data(),
                         .dstream_in = incoming.data(),
                         .dstream = dstream.data(),
                         .dgain = dgain.data(),
                         .dbias = dbias.data(),
                         .ddelta_bias = ddelta_bias.data()});
  report(state, 16.0 * rows * channels);
}
BENCHMARK(residual_layer_norm_backward)->Apply(row_shapes);

}  // namespace
}  // namespace strata::bench
