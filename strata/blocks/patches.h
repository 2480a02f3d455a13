#pragma once

#include "strata/blocks/block.h"

namespace strata {

struct PatchConfig {
  int64_t image_height = 224, image_width = 224;
  int64_t image_channels = 3;
  int64_t patch_height = 16, patch_width = 16;
  int64_t channels = 768;
  double init_std = 0.02;

  int64_t patches() const { return (image_height / patch_height) * (image_width / patch_width); }
};

/// Cuts images into patches, row by row, and makes each a token; a class token comes first and learned positions are
/// added (Dosovitskiy et al. 2021).
///   pixels [batch, image_channels, height, width] (pixels left over at the right and bottom are unused) -> x [batch *
///   (1 + patches), channels] Weights: projection.weight [channels, image_channels, patch_height, patch_width],
///   projection.bias, class_token [channels], positions [1 + patches, channels]
class PatchEmbedding final : public Block {
 public:
  explicit PatchEmbedding(const PatchConfig& config);
  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;

 private:
  PatchConfig config_;
};

/// Images as the stream a patch embedding reads: pixels [batch, channels, height, width], one row per image.
Stream image_stream(Tensor pixels);

/// Class scores from the first token of each sequence: x [rows, channels] -> logits [sequences, classes]. Weights:
/// weight [classes, channels], bias.
class ClassHead final : public Block {
 public:
  ClassHead(int64_t channels, int64_t classes, double init_std)
      : channels_(channels), classes_(classes), init_std_(init_std) {}
  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;

 private:
  int64_t channels_, classes_;
  double init_std_;
};

}  // namespace strata
