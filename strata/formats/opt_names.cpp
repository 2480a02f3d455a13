#include "strata/formats/opt_names.h"

namespace strata {
namespace {

constexpr std::string_view kPrefix = "model.decoder.";
constexpr std::string_view kHead = "lm_head.weight";

}  // namespace

std::vector<GgufTwin> opt_tensors(const LanguageConfig& config) {
  const std::string prefix(kPrefix);
  std::vector<GgufTwin> tensors;
  const auto add = [&](const std::string& name) { tensors.push_back({prefix + name, ""}); };
  const auto add_both = [&](const std::string& name, bool bias) {
    add(name + ".weight");
    if (bias) add(name + ".bias");
  };
  const bool norms = config.norm == "layer";  // else they have no tensors
  tensors.push_back({prefix + "embed_tokens.weight", "token_embd.weight"});
  add("embed_positions.weight");
  if (config.embedding_width > 0) {
    add("project_in.weight");
    add("project_out.weight");
  }
  for (int64_t i = 0; i < config.depth; ++i) {
    const std::string layer = "layers." + std::to_string(i) + ".";
    for (const char* part : {"q_proj", "k_proj", "v_proj"}) add_both(layer + "self_attn." + part, config.qkv_bias);
    add_both(layer + "self_attn.out_proj", config.out_bias);
    for (const char* part : {"fc1", "fc2"}) add_both(layer + part, config.ffn_bias);
    if (!norms) continue;
    for (const char* part : {"self_attn_layer_norm", "final_layer_norm"}) add_both(layer + part, true);
  }
  if (norms && config.final_norm && !config.post_norm) add_both("final_layer_norm", true);
  tensors.push_back({std::string(kHead), "output.weight", GgufForm::as_is, 0, !config.tied});
  return tensors;
}

std::string canonical_opt_name(std::string_view name) {
  if (name == kHead || name.starts_with(kPrefix)) return std::string(name);
  if (name.starts_with("decoder.")) return "model." + std::string(name);
  return std::string(kPrefix) + std::string(name);
}

}  // namespace strata
