#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata {

/// Rotary positions (Su et al. 2021) and the published ways to stretch them, with the names and defaults of Hugging
/// Face's rope_parameters. `type`: default | linear | dynamic | llama3 | yarn | longrope.
struct RopeConfig {
  std::string type = "default";
  double theta = 10000;
  double partial = 1;            // share of each head that turns: the first int(head_dim * partial) channels
  double factor = 1;             // all but default; longrope: 0 for context / original_context
  int64_t context = 2048;        // longest sequence the model takes
  int64_t original_context = 0;  // that it was pretrained with (llama3, yarn, longrope); 0: context
  double low_freq_factor = 1, high_freq_factor = 4;                      // llama3
  double beta_fast = 32, beta_slow = 1, mscale = 0, mscale_all_dim = 0;  // yarn
  bool truncate = true;                                                  // yarn
  double attention_factor = 0;                                           // yarn, longrope; 0: from the factor
  std::vector<double> short_factor, long_factor;                         // longrope, one for each pair

  bool operator==(const RopeConfig&) const = default;
};

/// A decoder-only language model (Radford et al. 2019; Touvron et al. 2023): tokens, causal transformer blocks, final
/// norm, a head over the vocabulary. One set of fields for all families; what a family fixes, its row of
/// language_family() says.
struct LanguageConfig {
  std::string family = "llama";  // llama | mistral | qwen2 | qwen3 | gpt2 | gpt_neox | opt: whose files it is saved as
  int64_t vocab = 256;
  int64_t channels = 256, depth = 4, heads = 4;
  int64_t kv_heads = 0;  // 0: heads
  int64_t head_dim = 0;  // 0: channels / heads
  int64_t hidden = 1024;
  int64_t context = 2048;           // longest sequence; rows of the table where positions are learned
  std::string activation = "silu";  // of ops::activation_of
  bool gated = true;                // the feed-forward net has a gate
  std::string norm = "rms";         // layer | rms | plain_layer
  double norm_eps = 1e-6;
  bool qkv_bias = false, out_bias = false, ffn_bias = false;
  bool qk_norm = false;
  bool tied = false;                 // head and embedding are one table
  std::string positions = "rotary";  // rotary | learned | none
  int64_t position_offset = 0;       // learned: row of the first
  RopeConfig rope;                   // its context is this one's
  int64_t window = 0;                // keys a row sees in the blocks that slide; 0: all
  std::vector<bool> sliding;         // for each block whether it slides; empty: all do
  bool parallel = false;             // attention and feed-forward net side by side (Wang and Komatsuzaki 2021)
  bool post_norm = false;            // norms after the sums, and none at the end
  bool final_norm = true;
  int64_t embedding_width = 0;  // of the tables of tokens; 0: channels
  bool scale_scores = true;     // by 1 / sqrt(head_dim)
  bool scale_by_depth = false;  // and by 1 / (block + 1)
  double init_std = 0.02;
  std::string slots = "none";  // none | position | predict: LayerShuffle's two variants (strata/blocks/slots.h)
  int64_t slot_count = 0;      // slots the model knows; 0: depth
};

template <class Visit>
void fields(LanguageConfig& config, Visit&& visit) {
  visit("family", config.family);
  visit("vocab", config.vocab);
  visit("channels", config.channels);
  visit("depth", config.depth);
  visit("heads", config.heads);
  visit("kv_heads", config.kv_heads);
  visit("head_dim", config.head_dim);
  visit("hidden", config.hidden);
  visit("context", config.context);
  visit("activation", config.activation);
  visit("gated", config.gated);
  visit("norm", config.norm);
  visit("norm_eps", config.norm_eps);
  visit("qkv_bias", config.qkv_bias);
  visit("out_bias", config.out_bias);
  visit("ffn_bias", config.ffn_bias);
  visit("qk_norm", config.qk_norm);
  visit("tied", config.tied);
  visit("positions", config.positions);
  visit("position_offset", config.position_offset);
  visit("rope_theta", config.rope.theta);
  visit("rope_partial", config.rope.partial);
  visit("window", config.window);
  visit("parallel", config.parallel);
  visit("post_norm", config.post_norm);
  visit("final_norm", config.final_norm);
  visit("init_std", config.init_std);
  visit("slots", config.slots);
  visit("slot_count", config.slot_count);
}

}  // namespace strata
