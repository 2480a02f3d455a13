#pragma once

#include "strata/blocks/norms.h"
#include "strata/ops/rope.h"

namespace strata {

struct AttentionConfig {
  int64_t channels = 256;
  int64_t heads = 8;
  int64_t kv_heads = 0;  // heads of keys and values, each shared by heads / kv_heads queries; 0: heads
  int64_t head_dim = 0;  // 0: channels / heads
  bool causal = false;
  int64_t window = 0;  // keys a causal query sees, its own included; 0: all
  double scale = 0;    // of the scores; 0: 1 / sqrt(head_dim)
  bool rotary = false;
  RopeConfig rope;
  bool qk_norm = false;  // RMS norm of each head of q and k, one gain for all heads, before the rotation
  double norm_eps = 1e-6;
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
  visit("kv_heads", config.kv_heads);
  visit("head_dim", config.head_dim);
  visit("causal", config.causal);
  visit("window", config.window);
  visit("scale", config.scale);
  visit("rotary", config.rotary);
  visit("qk_norm", config.qk_norm);
  visit("norm_eps", config.norm_eps);
  visit("qkv_bias", config.qkv_bias);
  visit("out_bias", config.out_bias);
  visit("init_std", config.init_std);
  visit("memory", config.memory);
  visit("memory_channels", config.memory_channels);
}

/// Multi-head softmax attention (Vaswani et al. 2017, sec. 3.2), within each sequence of the stream or from it to the
/// memory of another stack; with grouped keys and values (Ainslie et al. 2023), rotary positions (Su et al. 2021), norms
/// of queries and keys (Henry et al. 2020) and a sliding window where asked for.
///   x [rows, channels] -> [rows, channels], to be added. Weights: qkv.* [(heads + 2 kv_heads) head_dim, channels] = [q |
///   k | v] (with memory: q.*, kv.*), q_norm.weight, k_norm.weight [head_dim], out.* [channels, heads head_dim].
/// A route can keep some heads; a causal block that attends to its own stream can keep a cache of keys and values. Rows
/// that follow cached ones must say their positions (see continued_rows), or this throws.
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
  struct Projections {
    Tensor q, k, v;  // [rows, heads * head_dim]: kept heads only; k and v [rows, kv_heads * head_dim]
  };
  /// Whether the packed projection is what the attention kernel reads, with nothing in between.
  bool plain() const;
  Projections project(const Weights& weights, const Stream& x, const Tensor& kept_heads) const;
  /// Keys or values for each query head: [rows, kv_heads * head_dim] -> [rows, heads * head_dim].
  Tensor spread(const Tensor& x, const Tensor& kept_heads) const;

  AttentionConfig config_;
};

}  // namespace strata
