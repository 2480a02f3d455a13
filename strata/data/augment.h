#pragma once

#include "strata/base/random.h"
#include "strata/data/images.h"

namespace strata {

/// What happens to one image: moved by whole pixels, what moves in is black (padding by zeros and cropping back), then
/// mirrored left to right or not.
struct Augmentation {
  int64_t down = 0;   // first row of the crop, counted from the unpadded image: -crop .. crop
  int64_t right = 0;  // first column
  bool flip = false;
};

/// Both offsets uniform in -crop .. crop, flip with probability 1/2 where asked for.
Augmentation draw_augmentation(const ImageConfig& config, Random random);

/// Augments and normalises one image: pixels [channels, height, width] -> out [channels, height, width].
void augment(const uint8_t* pixels, int64_t channels, int64_t height, int64_t width, const Augmentation& change,
             const PixelTable& table, float* out);

}  // namespace strata
