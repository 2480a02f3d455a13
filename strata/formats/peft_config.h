#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "strata/text/pattern.h"

namespace strata {

/// A regular expression, in Python's writing, about the path of a module ("model.layers.0.self_attn.q_proj").
class PathExpression {
 public:
  enum class Part { whole, end };  // what has to match: all of the path, or its end (all of it, or behind a dot)

  /// Throws Error naming `who` when the text is no regular expression.
  PathExpression(std::string text, Part part, const std::string& who);
  const std::string& text() const { return text_; }
  bool matches(const std::string& path) const { return pattern_.found_in(path); }

 private:
  std::string text_;
  Pattern pattern_;
};

/// Modules by names (whole paths, or ends of them behind a dot), or by one expression for whole paths.
struct PeftModules {
  std::vector<std::string> names;
  std::optional<PathExpression> expression;

  bool empty() const { return names.empty() && !expression; }
  bool contains(const std::string& path) const;
};

/// What an adapter_config.json of PEFT says of a LoRA adapter (Hu et al. 2021). Only what decides the result.
struct PeftConfig {
  int64_t rank = 8;
  double alpha = 8;
  double dropout = 0;
  bool rslora = false;                       // scale alpha / sqrt(rank) instead of alpha / rank
  bool fan_in_fan_out = false;               // the adapted weights are stored [in, out]; the matrices are not
  PeftModules target_modules;                // the name "all-linear" alone: every linear layer but the head
  PeftModules exclude_modules;               // what target_modules names and is left alone all the same
  std::vector<int64_t> layers_to_transform;  // numbers of the layers it is about; empty: all
  std::vector<std::string> layers_pattern;   // what stands before the number of a layer; empty: any name
  /// Other ranks and alphas, by the end of a path; the first that matches counts.
  std::vector<std::pair<PathExpression, int64_t>> rank_pattern;
  std::vector<std::pair<PathExpression, double>> alpha_pattern;
  std::vector<std::string> modules_to_save;  // ends of paths of modules that were trained whole
  std::string bias = "none";                 // biases that were trained: none | all | lora_only (of adapted layers)
  std::string base_model;
  std::string task_type = "CAUSAL_LM";

  int64_t rank_of(const std::string& module) const;
  /// What b a is multiplied with for a module, by its path in the model.
  double scale_of(const std::string& module) const;
  /// Whether it has low-rank matrices; `linear` says whether it is a linear layer other than the head.
  bool targets(const std::string& module, bool linear) const;
  /// Whether it, or a module it is part of, was trained whole.
  bool saves(const std::string& module) const;
};

/// Reads the text of an adapter_config.json. Throws Error naming `file` and key for malformed text, other kinds of
/// adapters, keys that would change weights in a way we do not have (use_dora, layer_replication, ...), keys that nobody
/// knows whose value is not null, false or empty, and combinations that PEFT refuses.
PeftConfig peft_config_from_json(const std::string& text, const std::string& file);

/// The text that PEFT reads; the same config gives the same bytes.
std::string peft_config_to_json(const PeftConfig& config);

}  // namespace strata
