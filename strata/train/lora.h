#pragma once

#include <string>
#include <vector>

#include "strata/base/config.h"
#include "strata/stack/stack.h"
#include "strata/train/optimiser.h"

namespace strata {

/// Low-rank adaptation (Hu et al. 2021): the weights stay as they are, linear layers of the blocks get scale * b a
/// added, of which a and b are trained; scale is alpha / rank.
struct LoraConfig {
  int64_t rank = 0;  // 0: train the weights themselves
  double alpha = 16;
  std::vector<std::string> targets;  // names of linear layers ("qkv", "up"); none: all of them
};

template <class Visit>
void fields(LoraConfig& config, Visit&& visit) {
  visit("rank", config.rank, at_least(0));
  visit("alpha", config.alpha, above(0));
  visit("targets", config.targets);
}

/// What is trained in place of a stack's weights: `overlay` reads the tensors of `parameters`, those of each layer under
/// "<weight>.lora_a" [rank, in] and "<weight>.lora_b" [out, rank].
struct Lora {
  Parameters parameters;
  Overlay overlay;
};

/// Fresh ones: a uniform within 1 / sqrt(in), b zero, so that nothing changes at first. Throws UsageError for a target
/// that no block has.
Lora make_lora(const Stack& stack, const LoraConfig& config, Random random);

/// What the changes are for other values of their tensors, in the order of parameters: an average of them, say.
Overlay lora_overlay(const Lora& lora, const std::vector<Tensor>& values);

}  // namespace strata
