#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "strata/formats/preprocessor.h"

namespace strata {

using at::Tensor;

/// Images that are made when asked for, because all of them together may not fit into memory.
struct ImageSource {
  virtual ~ImageSource() = default;
  /// uint8 [channels, height, width], each of its own size; called from several threads at once. Throws Error naming
  /// the file.
  virtual Tensor at(int64_t index) const = 0;
  /// Changes when images come or go; what is inside the files may have been mended.
  virtual std::string identity() const = 0;
};

/// Labelled images: in memory, all of one size, or behind a source.
struct ImageSet {
  Tensor pixels;  // uint8 [n, channels, height, width]; undefined where there is a source
  Tensor labels;  // int64 [n]
  std::vector<std::string> classes;
  std::string name;
  std::shared_ptr<const ImageSource> source;
  int64_t offset = 0;    // of image 0 in the source
  ImageFit fit;          // what happens to each image before anyone sees it
  int64_t channels = 0;  // 1 grey, 3 colour, 0 as stored

  int64_t size() const { return labels.size(0); }
};

/// Channels, height and width of the images that come out of a set. Throws Error when they depend on the image.
std::array<int64_t, 3> shape_of(const ImageSet& set);

/// One image in the channels that the set says, but of the size it is stored in: uint8 [channels, height, width].
Tensor stored_image(const ImageSet& set, int64_t index);

/// Images first .. end - 1 as they come out of a set: uint8 [end - first, channels, height, width].
Tensor image_batch(const ImageSet& set, int64_t first, int64_t end);

/// The same set, images first .. end - 1.
ImageSet slice(const ImageSet& set, int64_t first, int64_t end);

/// How pixels become what a network reads: (pixel / 255 - mean) / std, and for training, augmentation, in the order
/// given here.
struct ImageConfig {
  bool resized_crop = false;  // training: cut out a random part and resize it, in place of the set's fit
  std::vector<double> crop_scale = {0.08, 1};         // share of the image's area that is cut out, from .. to
  std::vector<double> crop_ratio = {3. / 4, 4. / 3};  // width / height of what is cut out, from .. to
  int64_t crop = 0;                  // training: pad by this many zeros on each side and crop back at random
  bool flip = false;                 // training: mirror left to right with probability 1/2
  int64_t rand_augment = 0;          // training: operations of RandAugment for each image (rand_augment.h)
  double magnitude = 9;              // of these, 0 .. 30
  std::vector<double> mean = {0.5};  // one for all channels, or one for each
  std::vector<double> std = {0.5};
  double erase = 0;          // training: probability of random erasing (augment.h)
  double mixup = 0;          // training: alpha of mixup, 0: off (mix.h)
  double cutmix = 0;         // training: alpha of CutMix, 0: off
  double mix_prob = 1;       // probability that a batch is mixed at all
  double switch_prob = 0.5;  // where both are on: probability of CutMix rather than mixup
  int64_t repeats = 1;  // training: times an image stands in a batch, augmented anew each time (Hoffer et al. 2020)
};

template <class Visit>
void fields(ImageConfig& config, Visit&& visit) {
  visit("resized_crop", config.resized_crop);
  visit("crop_scale", config.crop_scale);
  visit("crop_ratio", config.crop_ratio);
  visit("crop", config.crop);
  visit("flip", config.flip);
  visit("rand_augment", config.rand_augment);
  visit("magnitude", config.magnitude);
  visit("mean", config.mean);
  visit("std", config.std);
  visit("erase", config.erase);
  visit("mixup", config.mixup);
  visit("cutmix", config.cutmix);
  visit("mix_prob", config.mix_prob);
  visit("switch_prob", config.switch_prob);
  visit("repeats", config.repeats);
}

/// Throws UsageError when the configuration makes no sense.
void check_images(const ImageConfig& config);

struct LoadOptions {
  int64_t limit = 0;     // first so many images; 0: all
  ImageFit fit;          // nothing: as stored
  int64_t channels = 0;  // 1 grey, 3 colour, 0 as stored
  bool coarse = false;   // CIFAR-100: the 20 superclasses

  bool operator==(const LoadOptions&) const = default;
};

/// A split, "train" or "test", of a data set by name ("fashion-mnist") or of a folder, whose kind is recognised by what
/// lies in it: IDX files of MNIST (fashion_mnist.h), CIFAR's binary version (cifar.h), or a folder for each class
/// (image_folder.h). A name is looked up in the folder STRATA_DATA where that is set, else where Debian's packages put
/// data sets. Throws Error saying what is missing, where it was looked for and which package brings it.
ImageSet load_images(const std::string& name_or_folder, const std::string& split, const LoadOptions& options = {});

/// What each value of a pixel becomes: (value / 255 - mean) / std.
using PixelTable = std::array<float, 256>;
/// One for each channel. Throws UsageError when mean or std are for another number of channels.
std::vector<PixelTable> pixel_tables(const ImageConfig& config, int64_t channels);

/// Pixels through pixel_tables(config), without augmentation: uint8 [n, channels, height, width] -> float32 of the same
/// shape.
Tensor normalised(const Tensor& pixels, const ImageConfig& config);

}  // namespace strata
