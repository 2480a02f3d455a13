#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <string>
#include <vector>

namespace strata {

using at::Tensor;

/// Labelled images of one size.
struct ImageSet {
  Tensor pixels;  // uint8 [n, channels, height, width]
  Tensor labels;  // int64 [n]
  std::vector<std::string> classes;
  std::string name;

  int64_t size() const { return labels.size(0); }
};

/// How pixels become what a network reads: (pixel / 255 - mean) / std, and for training, augmentation.
struct ImageConfig {
  int64_t crop = 0;   // training: pad by this many zeros on each side and crop back at random
  bool flip = false;  // training: mirror left to right with probability 1/2
  double mean = 0.5;
  double std = 0.5;
};

template <class Visit>
void fields(ImageConfig& config, Visit&& visit) {
  visit("crop", config.crop);
  visit("flip", config.flip);
  visit("mean", config.mean);
  visit("std", config.std);
}

/// Throws Error when the configuration makes no sense.
void check_images(const ImageConfig& config);

/// The first `limit` (0: all) images of a split, "train" or "test", of a data set by name ("fashion-mnist") or of a
/// folder that holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
/// t10k-labels-idx1-ubyte, plain or with .gz. A name is looked up in the folder STRATA_DATA where that is set, else
/// where Debian's packages put data sets. Throws Error saying what is missing, where it was looked for and which
/// package brings it.
ImageSet load_images(const std::string& name_or_folder, const std::string& split, int64_t limit = 0);

/// What each value of a pixel becomes: (value / 255 - mean) / std.
using PixelTable = std::array<float, 256>;
PixelTable pixel_table(const ImageConfig& config);

/// Pixels through pixel_table(config), without augmentation: uint8 [...] -> float32 [...].
Tensor normalised(const Tensor& pixels, const ImageConfig& config);

}  // namespace strata
