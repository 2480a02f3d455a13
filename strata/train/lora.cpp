#include "strata/train/lora.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "strata/base/error.h"
#include "strata/base/suggest.h"

namespace strata {
namespace {

constexpr std::string_view kWeight = ".weight";

// "qkv" of a linear layer's blocks.3.mixer.inner.qkv.weight; nothing for what is no matrix of a block.
std::string layer_of(const Catalogue::Entry& entry) {
  const std::string& name = entry.name;
  if (!name.starts_with("blocks.") || !name.ends_with(kWeight) || entry.value.dim() != 2) return {};
  const std::string layer = name.substr(0, name.size() - kWeight.size());
  return layer.substr(layer.rfind('.') + 1);
}

Tensor uniform(int64_t rows, int64_t columns, double bound, Random random) {
  Tensor values = at::empty({rows, columns}, at::kFloat);
  float* out = values.mutable_data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) out[i] = static_cast<float>((2 * random.uniform() - 1) * bound);
  return values;
}

}  // namespace

Lora make_lora(const Stack& stack, const LoraConfig& config, Random random) {
  std::set<std::string> known;
  for (const auto& entry : stack.weights.entries())
    if (std::string layer = layer_of(entry); !layer.empty()) known.insert(std::move(layer));
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& target : config.targets)
    if (!known.contains(target))
      fail_usage("lora.targets: expected names of linear layers: ", join_names(names), "; got '", target, "'",
                 suggestion(target, names));
  Lora lora;
  const double scale = config.alpha / static_cast<double>(config.rank);
  uint64_t number = 0;
  for (const auto& entry : stack.weights.entries()) {
    const std::string layer = layer_of(entry);
    const bool wanted = config.targets.empty() ||
                        std::find(config.targets.begin(), config.targets.end(), layer) != config.targets.end();
    if (layer.empty() || !wanted) continue;
    const int64_t out = entry.value.size(0), in = entry.value.size(1);
    if (config.rank > std::min(in, out))
      fail_usage("lora.rank: ", entry.name, " is ", out, " x ", in, ", so a rank of ", config.rank, " is no reduction");
    const Tensor a = uniform(config.rank, in, 1 / std::sqrt(static_cast<double>(in)), random.fork(number++));
    const Tensor b = at::zeros({out, config.rank}, at::kFloat);
    for (const auto& [end, value] : {std::pair{".lora_a", a}, {".lora_b", b}}) {
      lora.parameters.names.push_back(entry.name + end);
      lora.parameters.values.push_back(value.requires_grad_(true));
      lora.parameters.decay.push_back(true);
    }
    lora.overlay.low_rank[entry.name] = {.a = a, .b = b, .scale = scale, .choice = {}};
  }
  if (lora.parameters.names.empty()) fail_usage("lora: the blocks have no linear layers");
  return lora;
}

Overlay lora_overlay(const Lora& lora, const std::vector<Tensor>& values) {
  Overlay overlay = lora.overlay;
  for (size_t i = 0; i + 1 < values.size(); i += 2) {
    const std::string& a = lora.parameters.names[i];
    LowRank& change = overlay.low_rank.at(a.substr(0, a.size() - std::string_view(".lora_a").size()));
    change.a = values[i].detach();
    change.b = values[i + 1].detach();
  }
  return overlay;
}

}  // namespace strata
