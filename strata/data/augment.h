#pragma once

#include "strata/base/random.h"
#include "strata/data/images.h"

namespace strata {

/// A rectangle of pixels.
struct Box {
  int64_t top = 0, left = 0, height = 0, width = 0;
};

/// What happens to one image: moved by whole pixels, what moves in is black (padding by zeros and cropping back), then
/// mirrored left to right or not.
struct Augmentation {
  int64_t down = 0;   // first row of the crop, counted from the unpadded image: -crop .. crop
  int64_t right = 0;  // first column
  bool flip = false;
};

/// Both offsets uniform in -crop .. crop, flip with probability 1/2 where asked for.
Augmentation draw_augmentation(const ImageConfig& config, Random random);

/// Moves and mirrors one image: pixels [channels, height, width] -> out [channels, height, width].
void move(const uint8_t* pixels, int64_t channels, int64_t height, int64_t width, const Augmentation& change,
          uint8_t* out);

/// Random resized cropping (Szegedy et al. 2015): area uniform in crop_scale, logarithm of width / height uniform in
/// crop_ratio, position uniform; after ten rectangles that do not fit, the largest central one of an allowed ratio.
Box draw_crop(const ImageConfig& config, int64_t height, int64_t width, Random random);

/// Random erasing (Zhong et al. 2020, algorithm 1): with probability `erase` a rectangle of 2 to 40 % of the area and a
/// ratio height / width of 0.3 to 1 / 0.3, which lies inside; nothing (height 0) otherwise and after a hundred that do
/// not fit.
Box draw_erasing(const ImageConfig& config, int64_t height, int64_t width, Random random);

/// Fills a box with random values, one for each pixel and channel.
void erase(uint8_t* pixels, int64_t channels, int64_t height, int64_t width, const Box& box, Random random);

}  // namespace strata
