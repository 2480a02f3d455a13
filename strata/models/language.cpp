#include "strata/models/language.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "strata/base/error.h"
#include "strata/blocks/attention.h"
#include "strata/blocks/composite.h"
#include "strata/blocks/mlp.h"
#include "strata/blocks/norms.h"
#include "strata/blocks/slots.h"
#include "strata/blocks/tokens.h"

namespace strata {
namespace {

constexpr const char* kStackName = "text";

struct Size {
  std::string_view name;
  LanguageConfig config;
};

const std::array<Size, 3>& sizes() {
  static const LanguageConfig gpt2{.family = "gpt2",
                                   .vocab = 50257,
                                   .channels = 768,
                                   .depth = 12,
                                   .heads = 12,
                                   .hidden = 3072,
                                   .context = 1024,
                                   .activation = "gelu_tanh",
                                   .gated = false,
                                   .norm = "layer",
                                   .norm_eps = 1e-5,
                                   .qkv_bias = true,
                                   .out_bias = true,
                                   .ffn_bias = true,
                                   .tied = true,
                                   .positions = "learned"};
  static const LanguageConfig bytes = [] {
    LanguageConfig config = gpt2;
    config.vocab = 256;
    config.channels = 64;
    config.depth = 6;
    config.heads = 4;
    config.hidden = 256;
    config.context = 256;
    config.activation = "relu";
    return config;
  }();
  static const LanguageConfig llama_tiny{.vocab = 1024,
                                         .channels = 192,
                                         .depth = 6,
                                         .heads = 6,
                                         .kv_heads = 2,
                                         .hidden = 512,
                                         .context = 1024,
                                         .tied = true};
  static const std::array<Size, 3> all{Size{"bytes", bytes}, Size{"gpt2", gpt2}, Size{"llama-tiny", llama_tiny}};
  return all;
}

bool slides(const LanguageConfig& config, int64_t block) {
  return config.window > 0 && (config.sliding.empty() || config.sliding[block]);
}

BlockPtr wire_block(const LanguageConfig& config, int64_t index) {
  const NormKind kind = norm_kind(config.norm);
  const auto wrap = [&](BlockPtr inner) -> BlockPtr {
    if (config.post_norm) return std::make_shared<PostNorm>(kind, config.channels, config.norm_eps, std::move(inner));
    return std::make_shared<PreNorm>(kind, config.channels, config.norm_eps, std::move(inner));
  };
  const int64_t head_dim = config.head_dim > 0 ? config.head_dim : config.channels / config.heads;
  double scale = 0;
  if (!config.scale_scores || config.scale_by_depth) {
    scale = config.scale_scores ? 1 / std::sqrt(static_cast<double>(head_dim)) : 1.0;
    if (config.scale_by_depth) scale /= static_cast<double>(index + 1);
  }
  AttentionConfig attention{.channels = config.channels,
                            .heads = config.heads,
                            .kv_heads = config.kv_heads,
                            .head_dim = config.head_dim,
                            .causal = true,
                            .window = slides(config, index) ? config.window : 0,
                            .scale = scale,
                            .rotary = config.positions == "rotary",
                            .rope = config.rope,
                            .qk_norm = config.qk_norm,
                            .norm_eps = config.norm_eps,
                            .qkv_bias = config.qkv_bias,
                            .out_bias = config.out_bias,
                            .init_std = config.init_std};
  attention.rope.context = config.context;
  std::vector<Part> parts{{"mixer", wrap(std::make_shared<Attention>(attention))},
                          {"ffn", wrap(std::make_shared<Mlp>(MlpConfig{.channels = config.channels,
                                                                       .hidden = config.hidden,
                                                                       .activation = config.activation,
                                                                       .gated = config.gated,
                                                                       .bias = config.ffn_bias,
                                                                       .init_std = config.init_std}))}};
  add_slot_parts(parts, config.slots,
                 {.channels = config.channels,
                  .slots = config.slot_count > 0 ? config.slot_count : std::max<int64_t>(config.depth, 1),
                  .norm_eps = config.norm_eps,
                  .init_std = config.init_std},
                 "language model");
  return std::make_shared<Composite>("transformer", std::move(parts), config.parallel);
}

struct Wiring {
  BlockPtr embed;
  std::vector<BlockPtr> blocks;
  BlockPtr norm, head;
};

Wiring wiring(const LanguageConfig& config) {
  if (config.depth < 0 || config.depth > kMaxBlockIndex || config.heads < 1 || config.channels < 1)
    fail("language model: expected a depth from 0 to ", kMaxBlockIndex, ", heads and channels, got depth ",
         config.depth, ", ", config.heads, " heads, ", config.channels, " channels");
  if (config.positions != "rotary" && config.positions != "learned" && config.positions != "none")
    fail("language model: positions must be rotary, learned or none, got '", config.positions, "'");
  if (config.context < 1) fail("language model: expected a context of at least one token, got ", config.context);
  if (!config.sliding.empty() && std::ssize(config.sliding) != config.depth)
    fail("language model: expected for each of ", config.depth, " blocks whether it slides, got ",
         config.sliding.size());
  if (config.parallel && config.post_norm) fail("language model: parallel blocks cannot have their norms behind them");
  if (config.parallel && config.slots != "none")
    fail("language model: slots '", config.slots,
         "' need blocks whose parts follow on one another, so that one reads what the other says; these are parallel");
  const TokenConfig tokens{.vocab = config.vocab,
                           .channels = config.channels,
                           .width = config.embedding_width,
                           .tied = config.tied,
                           .positions = config.positions == "learned" ? config.context + config.position_offset : 0,
                           .position_offset = config.position_offset,
                           .init_std = config.init_std};
  std::vector<BlockPtr> blocks;
  blocks.reserve(config.depth);
  for (int64_t i = 0; i < config.depth; ++i) {
    // Blocks hold configuration only, so equal ones can be one object.
    const bool same = i > 0 && slides(config, i) == slides(config, i - 1) && !config.scale_by_depth;
    blocks.push_back(same ? blocks.back() : wire_block(config, i));
  }
  const bool normed = config.final_norm && !config.post_norm;
  return {std::make_shared<TokenEmbedding>(tokens), std::move(blocks),
          normed ? std::make_shared<Norm>(norm_kind(config.norm), config.channels, config.norm_eps) : nullptr,
          std::make_shared<TokenHead>(tokens)};
}

}  // namespace

std::vector<std::string> language_sizes() {
  std::vector<std::string> names;
  for (const auto& size : sizes()) names.emplace_back(size.name);
  return names;
}

LanguageConfig language_size(std::string_view name) {
  std::string known;
  for (const auto& size : sizes()) {
    if (size.name == name) return size.config;
    known += (known.empty() ? "" : ", ") + std::string(size.name);
  }
  fail("language model: unknown size '", name, "'; known sizes: ", known);
}

Stack wire_language(const LanguageConfig& config) {
  auto [embed, blocks, norm, head] = wiring(config);
  return wire_stack(kStackName, std::move(embed), std::move(blocks), std::move(norm), std::move(head));
}

Stack make_language(const LanguageConfig& config, Random random) {
  auto [embed, blocks, norm, head] = wiring(config);
  return make_stack(kStackName, std::move(embed), std::move(blocks), std::move(norm), std::move(head), random);
}

}  // namespace strata
