#pragma once

#include "strata/train/loop.h"

namespace strata {

/// Four kinds of 8 x 8 images, one bright quarter each, under noise: a task that a tiny model learns in a hundred
/// steps.
inline ImageSet bright_quarters(int64_t count, uint64_t seed) {
  ImageSet set{at::empty({count, 1, 8, 8}, at::kByte),
               at::empty({count}, at::kLong),
               {"top left", "top right", "bottom left", "bottom right"},
               "bright quarters"};
  Random random(seed);
  auto* pixels = set.pixels.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<int64_t>(random.below(4));
    set.labels.mutable_data_ptr<int64_t>()[i] = label;
    for (int64_t y = 0; y < 8; ++y)
      for (int64_t x = 0; x < 8; ++x) {
        const bool bright = (y / 4) * 2 + x / 4 == label;
        pixels[i * 64 + y * 8 + x] = static_cast<uint8_t>((bright ? 70 : 0) + random.below(150));
      }
  }
  return set;
}

inline TrainData tiny_data() {
  return {bright_quarters(300, 1), bright_quarters(200, 2)};
}

inline Recipe tiny_recipe(const std::vector<std::string>& overrides = {}) {
  return parse_recipe(R"(
[model]
image_height = 8
image_width = 8
patch_height = 4
patch_width = 4
channels = 16
depth = 3
heads = 2
hidden = 32
classes = 4
init_std = 0.2
[sampler]
kind = "shuffle_drop"
drop = 0.1
[data]
crop = 1
[optimiser]
lr = 5e-3
weight_decay = 0.05
clip = 1
[train]
steps = 100
batch = 32
ema = 0.9
checkpoint_every = 5
[eval]
orders = 6
)",
                      "tiny.toml", overrides);
}

}  // namespace strata
