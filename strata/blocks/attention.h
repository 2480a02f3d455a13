#pragma once

#include "strata/blocks/norms.h"

namespace strata {

struct AttentionConfig {
  int64_t channels = 256;
  int64_t heads = 8;
  bool causal = false;
  bool qkv_bias = true;
  bool out_bias = true;
  double init_std = 0.02;
  std::string memory;           // name in Given of a stream to attend to (cross-attention); empty: the stream itself
  int64_t memory_channels = 0;  // of that stream; 0: channels
};

template <class Visit>
void fields(AttentionConfig& config, Visit&& visit) {
  visit("channels", config.channels);
  visit("heads", config.heads);
  visit("causal", config.causal);
  visit("qkv_bias", config.qkv_bias);
  visit("out_bias", config.out_bias);
  visit("init_std", config.init_std);
  visit("memory", config.memory);
  visit("memory_channels", config.memory_channels);
}

/// Multi-head softmax attention (Vaswani et al. 2017, sec. 3.2), within each sequence of the stream or from it to the
/// memory of another stack.
///   x [rows, channels] -> [rows, channels], to be added. Weights: qkv.* [3 channels, channels] = [q | k | v] (with
///   memory: q.*, kv.*), out.* A route can keep some heads; a causal block that attends to its own stream can keep a
///   cache of keys and values.
class Attention final : public Block, public TakesNorm {
 public:
  explicit Attention(const AttentionConfig& config);

  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  std::vector<Need> needs() const override;
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;
  Tensor behind_norm(const ops::NormInFront& norm, const Weights& weights, const Stream& x, const Pass& pass,
                     bool add_input) const override;
  std::unique_ptr<CacheEntry> make_cache(const Weights& weights, int64_t sequences) const override;

 private:
  AttentionConfig config_;
};

}  // namespace strata
