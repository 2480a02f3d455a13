#include "strata/blocks/transformer.h"

#include "strata/blocks/composite.h"

namespace strata {

std::vector<Part> transformer_parts(const TransformerConfig& config) {
  const auto kind = norm_kind(config.norm);
  const auto wrap = [&](BlockPtr inner) -> BlockPtr {
    if (config.post_norm) return std::make_shared<PostNorm>(kind, config.channels, config.norm_eps, std::move(inner));
    return std::make_shared<PreNorm>(kind, config.channels, config.norm_eps, std::move(inner));
  };
  AttentionConfig attention{.channels = config.channels,
                            .heads = config.heads,
                            .causal = config.causal,
                            .qkv_bias = config.qkv_bias,
                            .out_bias = config.bias,
                            .init_std = config.init_std};
  std::vector<Part> parts{{"mixer", wrap(std::make_shared<Attention>(attention))}};
  if (!config.memory.empty()) {
    attention.causal = false;
    attention.memory = config.memory;
    attention.memory_channels = config.memory_channels;
    parts.push_back({"cross", wrap(std::make_shared<Attention>(attention))});
  }
  parts.push_back({"ffn", wrap(std::make_shared<Mlp>(MlpConfig{.channels = config.channels,
                                                               .hidden = config.hidden,
                                                               .activation = config.activation,
                                                               .bias = config.bias,
                                                               .init_std = config.init_std}))});
  return parts;
}

BlockPtr transformer_block(const TransformerConfig& config) {
  return std::make_shared<Composite>("transformer", transformer_parts(config));
}

}  // namespace strata
