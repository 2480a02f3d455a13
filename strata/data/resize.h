#pragma once

#include <ATen/core/Tensor.h>

#include "strata/formats/preprocessor.h"

namespace strata {

using at::Tensor;

/// Resizes an image like Pillow's Image.resize, whose filters grow with the factor by which they shrink (antialiasing):
/// uint8 [channels, height, width] -> uint8 [channels, new_height, new_width], within one level of Pillow.
Tensor resize(const Tensor& image, int64_t new_height, int64_t new_width, ImageFilter filter);

/// An image as a network takes it: uint8 [channels, height, width] -> uint8 [channels, ...], as `fit` says. Cutting
/// rounds to the upper left like Hugging Face's image processors.
Tensor fitted(const Tensor& image, const ImageFit& fit);

/// Brightness by ITU-R 601, rounded as Pillow does.
inline uint8_t luma(int red, int green, int blue) {
  return static_cast<uint8_t>((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
}

/// To 1 (grey) or 3 channels (red, green, blue), grey by luma(); an image that has
/// as many is returned as it is. Throws Error for other numbers.
Tensor with_channels(const Tensor& image, int64_t channels);

}  // namespace strata
