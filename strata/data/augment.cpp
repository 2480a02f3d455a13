#include "strata/data/augment.h"

#include <algorithm>
#include <cmath>

namespace strata {
namespace {

double between(Random& random, double low, double high) {
  return low + (high - low) * random.uniform();
}

}  // namespace

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

void move(const uint8_t* pixels, int64_t channels, int64_t height, int64_t width, const Augmentation& change,
          uint8_t* out) {
  for (int64_t channel = 0; channel < channels; ++channel)
    for (int64_t y = 0; y < height; ++y) {
      const int64_t row = y + change.down;
      const bool inside = row >= 0 && row < height;
      const uint8_t* line = pixels + (channel * height + row) * width;
      for (int64_t x = 0; x < width; ++x) {
        const int64_t column = (change.flip ? width - 1 - x : x) + change.right;
        *out++ = inside && column >= 0 && column < width ? line[column] : 0;
      }
    }
}

Box draw_crop(const ImageConfig& config, int64_t height, int64_t width, Random random) {
  constexpr int kTries = 10;
  const double least = config.crop_ratio[0], most = config.crop_ratio[1];
  for (int i = 0; i < kTries; ++i) {
    const double area =
        static_cast<double>(height * width) * between(random, config.crop_scale[0], config.crop_scale[1]);
    const double ratio = std::exp(between(random, std::log(least), std::log(most)));
    const auto w = static_cast<int64_t>(std::lround(std::sqrt(area * ratio)));
    const auto h = static_cast<int64_t>(std::lround(std::sqrt(area / ratio)));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const auto top = static_cast<int64_t>(random.below(height - h + 1));
    return {top, static_cast<int64_t>(random.below(width - w + 1)), h, w};
  }
  Box box{0, 0, height, width};
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  if (ratio < least) box.height = std::clamp<int64_t>(std::lround(static_cast<double>(width) / least), 1, height);
  if (ratio > most) box.width = std::clamp<int64_t>(std::lround(static_cast<double>(height) * most), 1, width);
  box.top = (height - box.height) / 2;
  box.left = (width - box.width) / 2;
  return box;
}

Box draw_erasing(const ImageConfig& config, int64_t height, int64_t width, Random random) {
  constexpr int kTries = 100;
  constexpr double kLeastArea = 0.02, kMostArea = 0.4, kLeastRatio = 0.3;
  if (!(random.uniform() < config.erase)) return {};
  for (int i = 0; i < kTries; ++i) {
    const double area = static_cast<double>(height * width) * between(random, kLeastArea, kMostArea);
    const double ratio = between(random, kLeastRatio, 1 / kLeastRatio);
    const auto h = static_cast<int64_t>(std::sqrt(area * ratio)), w = static_cast<int64_t>(std::sqrt(area / ratio));
    const auto top = static_cast<int64_t>(random.below(height)), left = static_cast<int64_t>(random.below(width));
    if (h > 0 && w > 0 && top + h <= height && left + w <= width) return {top, left, h, w};
  }
  return {};
}

void erase(uint8_t* pixels, int64_t channels, int64_t height, int64_t width, const Box& box, Random random) {
  for (int64_t channel = 0; channel < channels; ++channel)
    for (int64_t y = box.top; y < box.top + box.height; ++y)
      for (int64_t x = box.left; x < box.left + box.width; ++x)
        pixels[(channel * height + y) * width + x] = static_cast<uint8_t>(random.next32() >> 24);
}

}  // namespace strata
