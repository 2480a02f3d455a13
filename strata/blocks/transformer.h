#pragma once

#include "strata/blocks/attention.h"
#include "strata/blocks/mlp.h"
#include "strata/blocks/norms.h"

namespace strata {

struct TransformerConfig {
  int64_t channels = 256;
  int64_t heads = 8;
  int64_t hidden = 1024;
  std::string activation = "gelu";
  std::string norm = "layer";  // layer | rms | plain_layer
  double norm_eps = 1e-6;
  bool causal = false;
  bool qkv_bias = true;
  bool bias = true;  // of every other linear layer
  bool post_norm = false;
  double init_std = 0.02;
  std::string memory;  // cross-attention to this stream, as part `cross` between mixer and ffn
  int64_t memory_channels = 0;
};

template <class Visit>
void fields(TransformerConfig& config, Visit&& visit) {
  visit("channels", config.channels);
  visit("heads", config.heads);
  visit("hidden", config.hidden);
  visit("activation", config.activation);
  visit("norm", config.norm);
  visit("norm_eps", config.norm_eps);
  visit("causal", config.causal);
  visit("qkv_bias", config.qkv_bias);
  visit("bias", config.bias);
  visit("post_norm", config.post_norm);
  visit("init_std", config.init_std);
  visit("memory", config.memory);
  visit("memory_channels", config.memory_channels);
}

/// The parts of a transformer block: `mixer` (attention), `cross` where there is a memory, `ffn` (MLP), each behind its
/// norm or, post-norm, before it.
std::vector<Part> transformer_parts(const TransformerConfig& config);
BlockPtr transformer_block(const TransformerConfig& config);

}  // namespace strata
