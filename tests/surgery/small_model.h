#pragma once

#include <ATen/ATen.h>

#include "strata/blocks/patches.h"
#include "strata/data/images.h"
#include "strata/models/model.h"
#include "strata/stack/run.h"

namespace strata {

/// A tiny vision transformer for 8 x 8 images whose every weight is random (fresh ones have zero biases), in float64
/// unless told otherwise.
inline Model small_model(uint64_t seed, int64_t depth = 4, const std::string& slots = "none",
                         at::ScalarType type = at::kDouble) {
  Model model = make_model({.image_height = 8,
                            .image_width = 8,
                            .image_channels = 1,
                            .patch_height = 4,
                            .patch_width = 4,
                            .channels = 16,
                            .depth = depth,
                            .heads = 2,
                            .hidden = 24,
                            .classes = 4,
                            .init_std = 0.2,
                            .slots = slots},
                           Random(seed));
  Random random(seed + 1000);
  for (auto& entry : model.stack().weights.entries()) {
    Tensor value = entry.value.to(at::kDouble).contiguous().clone();
    auto* numbers = value.mutable_data_ptr<double>();
    for (int64_t i = 0; i < value.numel(); ++i) numbers[i] += 0.05 * random.normal();
    entry.value = value.to(type);
  }
  for (int64_t i = 0; i < depth; ++i) model.notes.block_ids[i] = "block" + std::to_string(i);
  return model;
}

/// Noise images with labels.
inline ImageSet small_images(int64_t count, uint64_t seed = 5) {
  ImageSet set{at::empty({count, 1, 8, 8}, at::kByte), at::empty({count}, at::kLong), {"0", "1", "2", "3"}, "noise"};
  Random random(seed);
  for (int64_t i = 0; i < count * 64; ++i)
    set.pixels.mutable_data_ptr<uint8_t>()[i] = static_cast<uint8_t>(random.below(256));
  for (int64_t i = 0; i < count; ++i) set.labels.mutable_data_ptr<int64_t>()[i] = static_cast<int64_t>(random.below(4));
  return set;
}

/// Logits of a model for three noise images, along a route or all blocks in order.
inline Tensor logits_of(const Model& model, const Route& route, const RunOptions& options = {}) {
  const Tensor pixels =
      normalised(small_images(3).pixels, {}).to(model.stack().weights.entries().front().value.scalar_type());
  return run(model.stack(), route, image_stream(pixels), options).x();
}
inline Tensor logits_of(const Model& model) {
  return logits_of(model, identity(model.stack().depth()));
}

}  // namespace strata
