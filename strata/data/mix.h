#pragma once

#include "strata/base/random.h"
#include "strata/data/augment.h"
#include "strata/data/images.h"

namespace strata {

/// How each image of a batch is mixed with another, the one as far from the batch's end as it is from its start. One
/// draw serves the whole batch.
struct Mix {
  enum class Kind { none, mixup, cutmix };
  Kind kind = Kind::none;
  double share = 1;  // of the image itself; its label counts as much, the other's 1 - share
  Box box;           // CutMix: taken from the other
};

/// With probability mix_prob: mixup (Zhang et al. 2018), share from Beta(mixup, mixup), or CutMix (Yun et al. 2019), a
/// box of area 1 - Beta(cutmix, cutmix) with uniform centre, cut off at the border, and share what then is left. Where
/// both are on, CutMix with probability switch_prob. As timm mixes whole batches, but for the box, whose odd sides are not
/// shortened by a pixel.
Mix draw_mix(const ImageConfig& config, int64_t height, int64_t width, Random random);

/// pixels [batch, channels, height, width], changed in place.
void apply(const Mix& mix, float* pixels, int64_t batch, int64_t channels, int64_t height, int64_t width);

}  // namespace strata
