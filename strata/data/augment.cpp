#include "strata/data/augment.h"

namespace strata {

Augmentation draw_augmentation(const ImageConfig& config, Random random) {
  Augmentation change;
  const auto offset = [&] { return static_cast<int64_t>(random.below(2 * config.crop + 1)) - config.crop; };
  if (config.crop > 0) {
    change.down = offset();
    change.right = offset();
  }
  if (config.flip) change.flip = random.below(2) == 1;
  return change;
}

void augment(const uint8_t* pixels, int64_t channels, int64_t height, int64_t width, const Augmentation& change,
             const PixelTable& table, float* out) {
  for (int64_t channel = 0; channel < channels; ++channel)
    for (int64_t y = 0; y < height; ++y) {
      const int64_t row = y + change.down;
      const bool inside = row >= 0 && row < height;
      const uint8_t* line = pixels + (channel * height + row) * width;
      for (int64_t x = 0; x < width; ++x) {
        const int64_t column = (change.flip ? width - 1 - x : x) + change.right;
        *out++ = table[inside && column >= 0 && column < width ? line[column] : 0];
      }
    }
}

}  // namespace strata
