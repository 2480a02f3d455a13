#include "strata/blocks/patches.h"

#include "strata/base/error.h"
#include "strata/ops/linear.h"

namespace strata {

PatchEmbedding::PatchEmbedding(const PatchConfig& config) : config_(config) {
  if (config.patch_height < 1 || config.patch_width < 1 || config.image_channels < 1 || config.channels < 1 ||
      config.patches() < 1)
    fail("patch embedding: expected at least one whole patch, got images of ", config.image_channels, " x ",
         config.image_height, " x ", config.image_width, " and patches of ", config.patch_height, " x ",
         config.patch_width);
}

BlockSpec PatchEmbedding::spec() const {
  return {.name = "patch_embedding",
          .in = {{"pixels", "image", 0}},
          .out = {{"x", "token", config_.channels}},
          .kind = BlockSpec::Kind::changes_rows};
}

std::vector<ParamInfo> PatchEmbedding::params() const {
  return {{"projection.weight",
           {config_.channels, config_.image_channels, config_.patch_height, config_.patch_width},
           Init::truncated_normal(config_.init_std)},
          {"projection.bias", {config_.channels}, Init::zeros(), false},
          {"class_token", {config_.channels}, Init::truncated_normal(config_.init_std), false},
          {"positions", {1 + config_.patches(), config_.channels}, Init::truncated_normal(config_.init_std), false}};
}

Stream PatchEmbedding::forward(const Weights& weights, const Stream& x, Pass&) const {
  const Tensor& pixels = x.x();
  if (pixels.dim() != 4 || pixels.size(1) != config_.image_channels || pixels.size(2) != config_.image_height ||
      pixels.size(3) != config_.image_width)
    fail("patch embedding: expected pixels [batch, ", config_.image_channels, ", ", config_.image_height, ", ",
         config_.image_width, "], got ", pixels.sizes());
  const int64_t batch = pixels.size(0), ph = config_.patch_height, pw = config_.patch_width;
  const int64_t rows = config_.image_height / ph, columns = config_.image_width / pw;
  const Tensor patches = pixels.slice(2, 0, rows * ph)
                             .slice(3, 0, columns * pw)
                             .reshape({batch, config_.image_channels, rows, ph, columns, pw})
                             .permute({0, 2, 4, 1, 3, 5})  // b c (r ph) (q pw) -> (b r q) (c ph pw)
                             .reshape({batch * rows * columns, config_.image_channels * ph * pw});
  const Tensor tokens = ops::linear(patches, weights["projection.weight"].flatten(1), weights["projection.bias"])
                            .reshape({batch, rows * columns, -1});
  const Tensor class_token = weights["class_token"].expand({batch, 1, config_.channels}).to(tokens.scalar_type());
  const Tensor all = at::cat({class_token, tokens}, 1) + weights["positions"];
  return Stream("x", all.flatten(0, 1), equal_rows(batch, 1 + rows * columns));
}

Stream image_stream(Tensor pixels) {
  if (pixels.dim() != 4) fail("images: expected pixels [batch, channels, height, width], got ", pixels.sizes());
  const int64_t batch = pixels.size(0);
  return Stream("pixels", std::move(pixels), equal_rows(batch, 1));
}

BlockSpec ClassHead::spec() const {
  return {.name = "class_head",
          .in = {{"x", "", channels_}},
          .out = {{"logits", "sequence", classes_}},
          .kind = BlockSpec::Kind::changes_rows};
}

std::vector<ParamInfo> ClassHead::params() const {
  return {{"weight", {classes_, channels_}, Init::truncated_normal(init_std_)},
          {"bias", {classes_}, Init::zeros(), false}};
}

Stream ClassHead::forward(const Weights& weights, const Stream& x, Pass&) const {
  const Rows& rows = *x.rows();
  const Tensor first = rows.ragged()
                           ? x.x().index_select(0, rows.offsets.slice(0, 0, rows.sequences).to(x.x().device()))
                           : x.x().reshape({rows.sequences, rows.length, channels_}).select(1, 0);
  return Stream("logits", ops::linear(first, weights["weight"], weights["bias"]), equal_rows(rows.sequences, 1));
}

}  // namespace strata
