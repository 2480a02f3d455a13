#include "strata/models/vit_names.h"

#include <array>

namespace strata {
namespace {

struct Rule {
  std::string_view ours, theirs;
};

// Whole names.
constexpr std::array kWhole{
    Rule{"embed.class_token", "vit.embeddings.cls_token"},
    Rule{"embed.positions", "vit.embeddings.position_embeddings"},
    Rule{"embed.projection.weight", "vit.embeddings.patch_embeddings.projection.weight"},
    Rule{"embed.projection.bias", "vit.embeddings.patch_embeddings.projection.bias"},
    Rule{"norm.weight", "vit.layernorm.weight"},
    Rule{"norm.bias", "vit.layernorm.bias"},
    Rule{"head.weight", "classifier.weight"},
    Rule{"head.bias", "classifier.bias"},
};
// What stands between "blocks.N." and ".weight" or ".bias".
constexpr std::array kInBlock{
    Rule{"mixer.norm", "layernorm_before"}, Rule{"mixer.out", "attention.output.dense"},
    Rule{"ffn.norm", "layernorm_after"},    Rule{"ffn.up", "intermediate.dense"},
    Rule{"ffn.down", "output.dense"},
};
constexpr std::array<std::string_view, 3> kQueryKeyValue = {"query", "key", "value"};

// Between "vit.layers.N." of transformers 5 and ".weight" or ".bias"; the rest has the same name in both.
constexpr std::array kModules{
    Rule{"attention.q_proj", "attention.attention.query"},
    Rule{"attention.k_proj", "attention.attention.key"},
    Rule{"attention.v_proj", "attention.attention.value"},
    Rule{"attention.o_proj", "attention.output.dense"},
    Rule{"mlp.fc1", "intermediate.dense"},
    Rule{"mlp.fc2", "output.dense"},
};

constexpr std::string_view kLayer = "vit.encoder.layer.";
constexpr const char* kTrunk = "vit.";  // the part of a classifier that ViTModel is

// "prefixN.middle.suffix" in its three parts; false when the name is not of that form.
bool split(std::string_view name, std::string_view prefix, std::string_view& number, std::string_view& middle,
           std::string_view& suffix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  const size_t digits = name.find('.'), last = name.rfind('.');
  if (digits == std::string_view::npos || last == digits) return false;
  number = name.substr(0, digits);
  middle = name.substr(digits + 1, last - digits - 1);
  suffix = name.substr(last + 1);
  return number.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string join(std::string_view number, std::string_view middle, std::string_view suffix) {
  return std::string(kLayer) + std::string(number) + "." + std::string(middle) + "." + std::string(suffix);
}

}  // namespace

std::vector<FileTensor> vit_file_tensors(const ParamInfo& param) {
  for (const auto& rule : kWhole)
    if (rule.ours == param.name) {
      std::vector<int64_t> shape = param.shape;
      while (shape.size() < 3 && rule.theirs.starts_with("vit.embeddings.") && !rule.theirs.ends_with(".bias"))
        shape.insert(shape.begin(), 1);
      return {{std::string(rule.theirs), shape}};
    }
  std::string_view number, middle, suffix;
  if (split(param.name, "blocks.", number, middle, suffix)) {
    for (const auto& rule : kInBlock)
      if (rule.ours == middle) return {{join(number, rule.theirs, suffix), param.shape}};
    if (middle == "mixer.qkv") {
      std::vector<int64_t> shape = param.shape;
      shape[0] /= static_cast<int64_t>(kQueryKeyValue.size());
      std::vector<FileTensor> parts;
      for (const auto& part : kQueryKeyValue)
        parts.push_back({join(number, "attention.attention." + std::string(part), suffix), shape});
      return parts;
    }
  }
  return {{"strata." + param.name, param.shape}};
}

std::string canonical_vit_name(std::string_view name) {
  for (const std::string_view module : {"embeddings.", "encoder.", "layers.", "layernorm.", "pooler."})
    if (name.starts_with(module)) return canonical_vit_name(kTrunk + std::string(name));
  std::string_view number, middle, suffix;
  if (split(name, "vit.layers.", number, middle, suffix)) {
    for (const auto& rule : kModules)
      if (rule.ours == middle) return join(number, rule.theirs, suffix);
    return join(number, middle, suffix);
  }
  return std::string(name);
}

bool unused_vit_tensor(std::string_view canonical_name) {
  return canonical_name.starts_with("vit.pooler.");
}

CheckpointNames vit_names() {
  return {vit_file_tensors, canonical_vit_name, unused_vit_tensor};
}

}  // namespace strata
