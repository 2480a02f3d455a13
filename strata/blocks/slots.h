#pragma once

#include "strata/blocks/block.h"

namespace strata {

struct SlotConfig {
  int64_t channels = 256;
  int64_t slots = 12;
  int64_t slot_channels = 32;  // width of a row of the slot table
  double norm_eps = 1e-6;
  double init_std = 0.02;
};

/// LayerShuffle-position (arXiv 2407.04513): tells a block in which slot it runs.
///   x + gelu(linear(layer_norm([x | E[slot]])))   x [rows, channels]; E [slots, slot_channels] belongs to the stack,
///   starts at zero and is read by slot; norm and linear belong to the block. Weights: norm.*, linear.* [channels,
///   channels + slot_channels], shared slot_table
class SlotAdapter final : public Block {
 public:
  explicit SlotAdapter(const SlotConfig& config);
  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;

 private:
  SlotConfig config_;
};

/// LayerShuffle-predict (arXiv 2407.04513): from the mean of its output rows a block tells in which slot it ran; adds
/// nothing to the stream.
///   taps `slot_logits` = linear(layer_norm(mean over rows of a sequence)) [sequences, slots]; not computed when nobody
///   listens. Weights: norm.*, linear.* [slots, channels]
class SlotPredictor final : public Block {
 public:
  explicit SlotPredictor(const SlotConfig& config);
  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;

 private:
  SlotConfig config_;
};

/// Adds what a variant by name needs to the parts of a block: "none", "position" (part "place" in front) or "predict"
/// (part "predict" behind). Throws Error naming `who` for another name.
void add_slot_parts(std::vector<Part>& parts, const std::string& variant, const SlotConfig& config, const char* who);

}  // namespace strata
