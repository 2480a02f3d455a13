#include "strata/models/language_names.h"

#include <array>
#include <span>

#include "strata/base/error.h"

namespace strata {
namespace {

using Layout = FileTensor::Layout;

struct Rule {
  std::string_view ours, theirs;  // between "blocks.N." or their layer and ".weight" or ".bias"
  Layout layout = Layout::as_is;
};

// How the files of one kind of architecture name things.
struct Names {
  std::string_view prefix;  // of everything but the head; checkpoints of the bare model lack it
  std::string_view layer;   // what stands before the number of a layer, behind the prefix
  std::string_view tokens, positions, project_in, project_out, norm;  // behind the prefix
  std::string_view head;                                              // whole name
  std::span<const Rule> rules;                                        // within a layer
  std::span<const std::string_view> parts_of_qkv;                     // empty: one tensor
  std::string_view gate;                                              // first half of a gated up projection
  std::span<const std::string_view> buffers;                          // ends of names that nothing reads
};

constexpr std::array<std::string_view, 3> kSplit = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
constexpr std::array<std::string_view, 3> kBuffers = {".rotary_emb.inv_freq", ".attention.bias",
                                                      ".attention.masked_bias"};
constexpr std::array<std::string_view, 2> kGpt2Buffers = {".attn.bias", ".attn.masked_bias"};

constexpr std::array kLlamaRules{
    Rule{"mixer.norm", "input_layernorm"},
    Rule{"mixer.q_norm", "self_attn.q_norm"},
    Rule{"mixer.k_norm", "self_attn.k_norm"},
    Rule{"mixer.out", "self_attn.o_proj"},
    Rule{"ffn.norm", "post_attention_layernorm"},
    Rule{"ffn.up", "mlp.up_proj"},
    Rule{"ffn.down", "mlp.down_proj"},
};
constexpr std::array kGpt2Rules{
    Rule{"mixer.norm", "ln_1"},
    Rule{"mixer.qkv", "attn.c_attn", Layout::transposed},
    Rule{"mixer.out", "attn.c_proj", Layout::transposed},
    Rule{"ffn.norm", "ln_2"},
    Rule{"ffn.up", "mlp.c_fc", Layout::transposed},
    Rule{"ffn.down", "mlp.c_proj", Layout::transposed},
};
constexpr std::array kNeoxRules{
    Rule{"mixer.norm", "input_layernorm"}, Rule{"mixer.qkv", "attention.query_key_value", Layout::per_head},
    Rule{"mixer.out", "attention.dense"},  Rule{"ffn.norm", "post_attention_layernorm"},
    Rule{"ffn.up", "mlp.dense_h_to_4h"},   Rule{"ffn.down", "mlp.dense_4h_to_h"},
};
constexpr std::array kOptRules{
    Rule{"mixer.norm", "self_attn_layer_norm"},
    Rule{"mixer.out", "self_attn.out_proj"},
    Rule{"ffn.norm", "final_layer_norm"},
    Rule{"ffn.up", "fc1"},
    Rule{"ffn.down", "fc2"},
};

constexpr Names kLlama{.prefix = "model.",
                       .layer = "layers.",
                       .tokens = "embed_tokens",
                       .norm = "norm",
                       .head = "lm_head.weight",
                       .rules = kLlamaRules,
                       .parts_of_qkv = kSplit,
                       .gate = "mlp.gate_proj",
                       .buffers = kBuffers};
constexpr Names kGpt2{.prefix = "transformer.",
                      .layer = "h.",
                      .tokens = "wte",
                      .positions = "wpe",
                      .norm = "ln_f",
                      .head = "lm_head.weight",
                      .rules = kGpt2Rules,
                      .buffers = kGpt2Buffers};
constexpr Names kNeox{.prefix = "gpt_neox.",
                      .layer = "layers.",
                      .tokens = "embed_in",
                      .norm = "final_layer_norm",
                      .head = "embed_out.weight",
                      .rules = kNeoxRules,
                      .buffers = kBuffers};
constexpr Names kOpt{.prefix = "model.decoder.",
                     .layer = "layers.",
                     .tokens = "embed_tokens",
                     .positions = "embed_positions",
                     .project_in = "project_in",
                     .project_out = "project_out",
                     .norm = "final_layer_norm",
                     .head = "lm_head.weight",
                     .rules = kOptRules,
                     .parts_of_qkv = kSplit};

const Names& names_of(const LanguageConfig& config) {
  if (config.family == "gpt2") return kGpt2;
  if (config.family == "gpt_neox") return kNeox;
  if (config.family == "opt") return kOpt;
  if (config.family == "llama" || config.family == "mistral" || config.family == "qwen2" || config.family == "qwen3")
    return kLlama;
  fail("language model: unknown family '", config.family,
       "'; known: llama, mistral, qwen2, qwen3, gpt2, gpt_neox, opt");
}

std::string full(const Names& names, std::string_view middle, std::string_view suffix) {
  return std::string(names.prefix) + std::string(middle) + "." + std::string(suffix);
}

std::vector<int64_t> with_first(std::vector<int64_t> shape, int64_t first) {
  shape[0] = first;
  return shape;
}

// blocks.N.<middle>.<suffix>
std::vector<FileTensor> block_tensors(const LanguageConfig& config, const Names& names, const ParamInfo& param,
                                      std::string_view number, std::string_view middle, std::string_view suffix) {
  const std::string layer = std::string(names.layer) + std::string(number) + ".";
  const auto name = [&](std::string_view part) { return full(names, layer + std::string(part), suffix); };
  if (middle == "mixer.qkv" && !names.parts_of_qkv.empty()) {
    const int64_t head_dim = config.head_dim > 0 ? config.head_dim : config.channels / config.heads;
    const int64_t q = config.heads * head_dim, kv = (config.kv_heads > 0 ? config.kv_heads : config.heads) * head_dim;
    return {{name(names.parts_of_qkv[0]), with_first(param.shape, q)},
            {name(names.parts_of_qkv[1]), with_first(param.shape, kv)},
            {name(names.parts_of_qkv[2]), with_first(param.shape, kv)}};
  }
  for (const auto& rule : names.rules) {
    if (rule.ours != middle) continue;
    if (middle == "ffn.up" && config.gated)
      return {{name(names.gate), with_first(param.shape, config.hidden)},
              {name(rule.theirs), with_first(param.shape, config.hidden)}};
    FileTensor tensor{name(rule.theirs), param.shape, rule.layout, config.heads};
    if (rule.layout == Layout::transposed) {
      if (param.shape.size() == 2) {
        std::swap(tensor.shape[0], tensor.shape[1]);
      } else {
        tensor.layout = Layout::as_is;
      }
    }
    return {tensor};
  }
  return {{"strata." + param.name, param.shape}};
}

}  // namespace

TableNames table_names(const LanguageConfig& config) {
  const Names& names = names_of(config);
  return {full(names, names.tokens, "weight"), std::string(names.head)};
}

CheckpointNames language_names(const LanguageConfig& config) {
  const Names& names = names_of(config);
  const auto tensors = [config, &names](const ParamInfo& param) -> std::vector<FileTensor> {
    const std::string_view name = param.name;
    const auto whole = [&](std::string_view theirs) {
      return std::vector<FileTensor>{{full(names, theirs, name.substr(name.rfind('.') + 1)), param.shape}};
    };
    if (name == "shared.tokens.weight" || name == "embed.tokens.weight") return whole(names.tokens);
    if (name == "embed.positions.weight") return whole(names.positions);
    if (name == "embed.projection.weight") return whole(names.project_in);
    if (name == "head.projection.weight") return whole(names.project_out);
    if (name == "head.weight") return {{std::string(names.head), param.shape}};
    if (name.starts_with("norm.")) return whole(names.norm);
    constexpr std::string_view kBlocks = "blocks.";
    if (name.starts_with(kBlocks)) {
      const std::string_view rest = name.substr(kBlocks.size());
      const size_t digits = rest.find('.'), last = rest.rfind('.');
      if (last > digits)
        return block_tensors(config, names, param, rest.substr(0, digits), rest.substr(digits + 1, last - digits - 1),
                             rest.substr(last + 1));
    }
    return {{"strata." + param.name, param.shape}};
  };
  const auto canonical = [&names](std::string_view name) {
    const bool whole = name.starts_with(names.prefix) || name.starts_with("strata.");
    if (whole) return std::string(name);
    if (name == "lm_head.weight" || name == names.head) return std::string(names.head);
    if (constexpr std::string_view kDecoder = "decoder.";
        names.prefix == "model.decoder." && name.starts_with(kDecoder))
      return "model." + std::string(name);
    return std::string(names.prefix) + std::string(name);
  };
  const auto unused = [&names](std::string_view name) {
    for (const auto& end : names.buffers)
      if (name.ends_with(end)) return true;
    return false;
  };
  return {tensors, canonical, unused};
}

}  // namespace strata
