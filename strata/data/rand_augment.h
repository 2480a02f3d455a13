#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "strata/base/random.h"

namespace strata {

/// The operations of RandAugment (Cubuk et al. 2020), with the ranges of AutoAugment (Cubuk et al. 2019, table 6).
/// Level 0 changes as little, level 1 as much as they allow; the first nine go either way.
enum class ImageOperation {
  shear_x,       // x + level 0.3 y
  shear_y,       // y + level 0.3 x
  translate_x,   // by level 150 / 331 of the width
  translate_y,   // of the height
  rotate,        // by level 30 degrees about the centre
  brightness,    // 1 +- 0.9 level times as bright
  colour,        // away from or towards grey, by as much
  contrast,      // away from or towards the mean grey
  sharpness,     // away from or towards a blurred copy
  posterize,     // the upper 8 - 4 level bits
  solarize,      // values from 255 (1 - level) on inverted
  autocontrast,  // stretched to 0 .. 255, channel by channel
  equalize,      // histogram flattened, channel by channel
  identity,
};
constexpr int kImageOperations = 14;

/// Applies one operation in place, as Pillow computes it; what moves in is black, moving takes the nearest pixel.
/// `level` is 0 .. 1, or -1 .. 1 for the nine that go either way; pixels [channels, height, width], 1 or 3 channels.
void apply(ImageOperation operation, double level, uint8_t* pixels, int64_t channels, int64_t height, int64_t width);

/// `count` operations, each uniform among the 14, all at magnitude / 30 with a random sign where there is one: operations
/// and ranges of torchvision's RandAugment. The paper's scale and timm's end at 10, so that their 9 is 27 here; timm
/// besides leaves out each drawn operation with probability 1/2.
void rand_augment(int64_t count, double magnitude, uint8_t* pixels, int64_t channels, int64_t height, int64_t width,
                  Random random);

}  // namespace strata
