#include "strata/data/rand_augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "strata/data/resize.h"

namespace strata {
namespace {

// Pixels [channels, height, width] and a copy of them to read from.
struct Image {
  uint8_t* pixels;
  int64_t channels, height, width;
  int64_t plane() const { return height * width; }
  std::vector<uint8_t> copy() const { return {pixels, pixels + channels * plane()}; }
};

// Pixel (x, y) comes from (a x + b y + c, d x + e y + f), all at pixel centres.
struct Affine {
  double a, b, c, d, e, f;
};

void transform(const Image& image, const Affine& map) {
  const std::vector<uint8_t> from = image.copy();
  uint8_t* to = image.pixels;
  const auto height = static_cast<double>(image.height), width = static_cast<double>(image.width);
  for (int64_t y = 0; y < image.height; ++y)
    for (int64_t x = 0; x < image.width; ++x, ++to) {
      const double u = static_cast<double>(x) + 0.5, v = static_cast<double>(y) + 0.5;
      const double column = map.a * u + map.b * v + map.c, row = map.d * u + map.e * v + map.f;
      const bool inside = column >= 0 && column < width && row >= 0 && row < height;
      const int64_t at = inside ? static_cast<int64_t>(row) * image.width + static_cast<int64_t>(column) : 0;
      for (int64_t channel = 0; channel < image.channels; ++channel)
        to[channel * image.plane()] = inside ? from[channel * image.plane() + at] : 0;
    }
}

void rotate(const Image& image, double degrees) {
  const double angle = -degrees * std::numbers::pi / 180, cos = std::cos(angle), sin = std::sin(angle);
  const double x = static_cast<double>(image.width) / 2, y = static_cast<double>(image.height) / 2;
  transform(image, {cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y});
}

template <class Map>
void map_values(const Image& image, Map map) {
  for (int64_t i = 0; i < image.channels * image.plane(); ++i) image.pixels[i] = map(image.pixels[i]);
}

// from + factor (to - from), cut off at the ends of the range and towards zero: Pillow's blend.
uint8_t blended(int from, int to, float factor) {
  const float value = static_cast<float>(from) + factor * static_cast<float>(to - from);
  return static_cast<uint8_t>(std::clamp(value, 0.0F, 255.0F));
}

uint8_t grey_of(const Image& image, int64_t at) {
  if (image.channels < 3) return image.pixels[at];
  return luma(image.pixels[at], image.pixels[at + image.plane()], image.pixels[at + 2 * image.plane()]);
}

void colour(const Image& image, float factor) {
  for (int64_t i = 0; i < image.plane(); ++i) {
    const uint8_t grey = grey_of(image, i);
    for (int64_t c = 0; c < image.channels; ++c) {
      uint8_t& value = image.pixels[c * image.plane() + i];
      value = blended(grey, value, factor);
    }
  }
}

void contrast(const Image& image, float factor) {
  double sum = 0;
  for (int64_t i = 0; i < image.plane(); ++i) sum += grey_of(image, i);
  const auto mean = static_cast<int>(sum / static_cast<double>(image.plane()) + 0.5);
  map_values(image, [&](uint8_t value) { return blended(mean, value, factor); });
}

// Against Pillow's SMOOTH: a 3 x 3 mean in which the middle counts five times; borders stay.
void sharpness(const Image& image, float factor) {
  const std::vector<uint8_t> from = image.copy();
  const int64_t w = image.width;
  for (int64_t channel = 0; channel < image.channels; ++channel)
    for (int64_t y = 1; y + 1 < image.height; ++y)
      for (int64_t x = 1; x + 1 < w; ++x) {
        const int64_t at = channel * image.plane() + y * w + x;
        int sum = 4 * from[at];
        for (const int64_t row : {at - w, at, at + w}) sum += from[row - 1] + from[row] + from[row + 1];
        constexpr int kWeights = 13;
        image.pixels[at] = blended((2 * sum + kWeights) / (2 * kWeights), from[at], factor);
      }
}

using Lookup = std::array<uint8_t, 256>;

Lookup stretching(const std::array<int64_t, 256>& histogram) {
  Lookup lookup{};
  int low = 0, high = 255;
  while (low < 255 && histogram[low] == 0) ++low;
  while (high > 0 && histogram[high] == 0) --high;
  for (int i = 0; i < 256; ++i) {
    const double scale = 255.0 / std::max(1, high - low);
    lookup[i] = static_cast<uint8_t>(high <= low ? i : std::clamp(static_cast<int>(i * scale - low * scale), 0, 255));
  }
  return lookup;
}

Lookup flattening(const std::array<int64_t, 256>& histogram) {
  Lookup lookup{};
  int64_t total = 0, last = 0;
  for (const int64_t count : histogram) {
    total += count;
    if (count > 0) last = count;
  }
  const int64_t step = (total - last) / 255;
  int64_t sum = step / 2;
  for (int i = 0; i < 256; ++i) {
    lookup[i] = static_cast<uint8_t>(step == 0 ? i : std::min<int64_t>(sum / step, 255));
    sum += histogram[i];
  }
  return lookup;
}

void by_histogram(const Image& image, Lookup (*lookup_of)(const std::array<int64_t, 256>&)) {
  for (int64_t channel = 0; channel < image.channels; ++channel) {
    const Image plane{image.pixels + channel * image.plane(), 1, image.height, image.width};
    std::array<int64_t, 256> histogram{};
    for (int64_t i = 0; i < plane.plane(); ++i) ++histogram[plane.pixels[i]];
    const Lookup lookup = lookup_of(histogram);
    map_values(plane, [&](uint8_t value) { return lookup[value]; });
  }
}

bool goes_either_way(ImageOperation operation) {
  return operation <= ImageOperation::sharpness;
}

}  // namespace

void apply(ImageOperation operation, double level, uint8_t* pixels, int64_t channels, int64_t height, int64_t width) {
  constexpr double kShear = 0.3, kTranslate = 150.0 / 331, kDegrees = 30, kEnhance = 0.9, kBits = 4;
  const Image image{pixels, channels, height, width};
  const auto factor = static_cast<float>(1 + kEnhance * level);
  switch (operation) {
    case ImageOperation::shear_x:
      return transform(image, {1, kShear * level, 0, 0, 1, 0});
    case ImageOperation::shear_y:
      return transform(image, {1, 0, 0, kShear * level, 1, 0});
    case ImageOperation::translate_x:
      return transform(image, {1, 0, kTranslate * level * static_cast<double>(width), 0, 1, 0});
    case ImageOperation::translate_y:
      return transform(image, {1, 0, 0, 0, 1, kTranslate * level * static_cast<double>(height)});
    case ImageOperation::rotate:
      return rotate(image, kDegrees * level);
    case ImageOperation::brightness:
      return map_values(image, [&](uint8_t value) { return blended(0, value, factor); });
    case ImageOperation::colour:
      return colour(image, factor);
    case ImageOperation::contrast:
      return contrast(image, factor);
    case ImageOperation::sharpness:
      return sharpness(image, factor);
    case ImageOperation::posterize: {
      const int dropped = static_cast<int>(std::lround(kBits * level));
      return map_values(image, [&](uint8_t value) { return static_cast<uint8_t>(value >> dropped << dropped); });
    }
    case ImageOperation::solarize: {
      const double threshold = 255 * (1 - level);
      return map_values(image,
                        [&](uint8_t value) { return value < threshold ? value : static_cast<uint8_t>(255 - value); });
    }
    case ImageOperation::autocontrast:
      return by_histogram(image, stretching);
    case ImageOperation::equalize:
      return by_histogram(image, flattening);
    case ImageOperation::identity:
      return;
  }
}

void rand_augment(int64_t count, double magnitude, uint8_t* pixels, int64_t channels, int64_t height, int64_t width,
                  Random random) {
  constexpr double kMostMagnitude = 30;
  for (int64_t i = 0; i < count; ++i) {
    const auto operation = static_cast<ImageOperation>(random.below(kImageOperations));
    const bool back = random.below(2) == 1 && goes_either_way(operation);
    apply(operation, (back ? -1 : 1) * magnitude / kMostMagnitude, pixels, channels, height, width);
  }
}

}  // namespace strata
