#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace strata {

/// What an adapter_config.json of PEFT says of a LoRA adapter (Hu et al. 2021). Only what decides the result.
struct PeftConfig {
  int64_t rank = 8;
  double alpha = 8;
  double dropout = 0;
  bool rslora = false;          // scale alpha / sqrt(rank) instead of alpha / rank
  bool fan_in_fan_out = false;  // the adapted weights are stored [in, out]; the matrices are not
  /// Names of modules, or ends of their paths ("q_proj", "self_attn.q_proj"); "all-linear" alone: every linear layer
  /// but the head.
  std::vector<std::string> target_modules;
  std::vector<std::string> exclude_modules;  // what target_modules names and is left alone all the same
  /// Other ranks and alphas for modules whose path ends with a name.
  std::vector<std::pair<std::string, int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::string base_model;
  std::string task_type = "CAUSAL_LM";

  int64_t rank_of(const std::string& module) const;
  /// What b a is multiplied with for a module, by its path in the model ("model.layers.0.self_attn.q_proj").
  double scale_of(const std::string& module) const;
  /// Whether target_modules names it; `linear` says whether it is a linear layer other than the head.
  bool targets(const std::string& module, bool linear) const;
};

/// Reads the text of an adapter_config.json. Throws Error naming `file` and key for malformed text, other kinds of
/// adapters, keys that would change weights in a way we do not have (use_dora, layer_replication, ...), and keys that
/// nobody knows whose value is not null, false or empty. Regular expressions among names and patterns are refused too,
/// but for the forms "(a|b|c)" and ".*\.(a|b|c)" of plain names.
PeftConfig peft_config_from_json(const std::string& text, const std::string& file);

/// The text that PEFT reads; the same config gives the same bytes.
std::string peft_config_to_json(const PeftConfig& config);

}  // namespace strata
