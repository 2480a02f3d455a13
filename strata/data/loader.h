#pragma once

#include <memory>

#include "strata/data/images.h"

namespace strata {

struct ImageBatch {
  Tensor pixels;     // float32 [batch, channels, height, width]
  Tensor labels;     // int64 [batch]
  Tensor others;     // int64 [batch]: labels of what is mixed in, or undefined
  double share = 1;  // of `labels`; `others` count 1 - share
  int64_t step = 0;
};

/// The augmented, normalised batch of one step: a pure function of its arguments. The images of all epochs stand in one
/// long line, each epoch in a random order of its own, and step s takes places s * batch .. (s + 1) * batch - 1, so
/// that every epoch shows every image once also when batch does not divide their number. With `repeats` r each image
/// takes r places after one another. Whole batches are mixed by config.mixup and config.cutmix.
ImageBatch make_batch(const ImageSet& set, const ImageConfig& config, int64_t batch, uint64_t seed, int64_t step);

/// make_batch for step after step, made ahead by background threads. The batches do not depend on their number.
class ImageLoader {
 public:
  /// Starts at `first_step`; with `threads` 0 batches are made when asked for. Throws Error for arguments that make no
  /// sense.
  ImageLoader(ImageSet set, ImageConfig config, int64_t batch, uint64_t seed, int64_t first_step, int threads);
  ImageLoader(ImageLoader&&) noexcept;
  ~ImageLoader();

  /// The next batch. An exception thrown while it was made is thrown here.
  ImageBatch next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata
