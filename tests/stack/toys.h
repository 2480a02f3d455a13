#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "strata/models/vit.h"
#include "strata/stack/run.h"

// Small blocks and stacks whose results can be worked out by hand.
namespace strata::toys {

/// x -> matrix x, to be added: the block of the linear checks. One row is one vector.
class Linear final : public Block {
 public:
  explicit Linear(int64_t channels) : channels_(channels) {}
  BlockSpec spec() const override {
    const std::vector<TrackSpec> track{{"x", "", channels_}};
    return {.name = "toy_linear", .in = track, .out = track};
  }
  std::vector<ParamInfo> params() const override { return {{"matrix", {channels_, channels_}, Init::normal(0.3)}}; }
  Stream forward(const Weights& weights, const Stream& x, Pass&) const override {
    return x.delta(at::matmul(x.x(), weights["matrix"].t()));
  }

 private:
  int64_t channels_;
};

inline void to_double(Stack& stack) {
  for (auto& entry : stack.weights.entries()) entry.value = entry.value.to(at::kDouble);
}

inline Stack linear_stack(int64_t depth, int64_t channels, uint64_t seed) {
  Stack stack = make_stack("toy", nullptr, std::vector<BlockPtr>(depth, std::make_shared<Linear>(channels)), nullptr,
                           nullptr, Random(seed));
  stack.chain.embed_out = {{"x", "row", channels}};
  to_double(stack);
  return stack;
}

inline VitConfig small_vit() {
  return {.image_height = 8,
          .image_width = 8,
          .image_channels = 1,
          .patch_height = 4,
          .patch_width = 4,
          .channels = 12,
          .depth = 4,
          .heads = 3,
          .hidden = 20,
          .classes = 5,
          .init_std = 0.3};
}

/// A small vision transformer in double with every parameter drawn at random, so that no gain is one and no bias zero.
inline Stack random_vit(VitConfig config, uint64_t seed) {
  Stack stack = make_vit(config, Random(seed));
  Random random(seed + 1000);
  uint64_t index = 0;
  for (auto& entry : stack.weights.entries()) {
    const ParamInfo jitter{.name = "", .shape = entry.value.sizes().vec(), .init = Init::normal(0.1)};
    entry.value = (entry.value + initial_value(jitter, random.fork(index++))).to(at::kDouble);
  }
  return stack;
}

inline Tensor random_tensor(at::IntArrayRef shape, uint64_t seed) {
  return initial_value({.name = "", .shape = shape.vec(), .init = Init::normal(1)}, Random(seed)).to(at::kDouble);
}

inline Stream rows(Tensor x) {
  const int64_t count = x.size(0);
  return Stream("x", std::move(x), equal_rows(count, 1));
}

inline double worst(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace strata::toys
