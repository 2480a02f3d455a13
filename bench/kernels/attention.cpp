#include "strata/kernels/attention.h"

#include "bench/kernels/kernel_bench.h"

namespace strata::bench {
namespace {

// sequences, length, heads, head_dim, causal: the Fashion-MNIST model, ViT-Ti/16 at 224, GPT-2 small.
void shapes(benchmark::internal::Benchmark* run) {
  for (const int64_t level : {0, 1, 2}) {
    run->Args({256, 17, 3, 16, 0, level});
    run->Args({16, 197, 3, 64, 0, level});
    run->Args({2, 256, 12, 64, 1, level});
  }
  run->ArgNames({"sequences", "length", "heads", "head_dim", "causal", "level"})
      ->Unit(benchmark::kMicrosecond)
      ->UseRealTime();
}

struct Problem {
  AttentionShape shape;
  Floats qkv, out, lse, dout, dqkv;
  double products;  // multiply-adds of one [length, length, head_dim] product over all heads

  explicit Problem(const benchmark::State& state)
      : shape{.sequences = state.range(0),
              .length = state.range(1),
              .heads = state.range(2),
              .head_dim = state.range(3),
              .causal = state.range(4) != 0} {
    const int64_t rows = shape.sequences * shape.length;
    const int64_t width = shape.heads * shape.head_dim;
    qkv = normals(rows * 3 * width);
    dout = normals(rows * width, 2);
    out.resize(rows * width);
    lse.resize(rows * shape.heads);
    dqkv.resize(qkv.size());
    products =
        static_cast<double>(rows * width) * static_cast<double>(shape.causal ? (shape.length + 1) / 2 : shape.length);
  }
  void forward() { attention_forward({.shape = shape, .qkv = qkv.data(), .out = out.data(), .lse = lse.data()}); }
  void backward() {
    attention_backward({.shape = shape,
                        .qkv = qkv.data(),
                        .out = out.data(),
                        .lse = lse.data(),
                        .dout = dout.data(),
                        .dqkv = dqkv.data()});
  }
};

void attention_forward(benchmark::State& state) {
  if (!choose_level(state, state.range(5))) return;
  Problem problem(state);
  for (auto _ : state) problem.forward();
  report(state, 4.0 * (problem.qkv.size() + problem.out.size()), 2 * 2 * problem.products);
}
BENCHMARK(attention_forward)->Apply(shapes);

void attention_backward(benchmark::State& state) {
  if (!choose_level(state, state.range(5))) return;
  Problem problem(state);
  problem.forward();
  for (auto _ : state) problem.backward();
  report(state, 4.0 * (2 * problem.qkv.size() + 2 * problem.out.size()), 5 * 2 * problem.products);
}
BENCHMARK(attention_backward)->Apply(shapes);

}  // namespace
}  // namespace strata::bench
