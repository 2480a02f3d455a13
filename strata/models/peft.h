#pragma once

#include <map>
#include <string>

#include "strata/formats/peft_config.h"
#include "strata/models/checkpoint.h"

namespace strata {

/// A LoRA adapter as PEFT saves it (Hu et al. 2021), by paths in the Hugging Face model.
struct Adapter {
  struct Pair {
    Tensor a, b;
  };
  PeftConfig config;
  std::map<std::string, Pair> modules;  // linear layers: a [rank, in], b [out, rank]
  std::map<std::string, Pair> tables;   // of embeddings: a [rank, rows], b [channels, rank]; (b a)^T is added
  /// Tensors that were trained whole (modules_to_save, biases) or stored although they were not, as they are named in
  /// the file behind base_model.model.
  std::map<std::string, Tensor> whole;
};

/// Reads adapter_config.json and adapter_model.safetensors of a folder; 16-bit tensors become float32. Throws Error
/// for names that PEFT would not apply, for halves of pairs, and for ranks other than the config's.
Adapter read_adapter(const std::string& folder);

/// Writes both, whole or not at all each.
void write_adapter(const std::string& folder, const Adapter& adapter);

/// One change of a weight [out, in] from changes of its rows: part i adds scale b a to the rows from `row` on. The
/// result has their a one below the other and a b with zeros elsewhere, scale 1; gradients flow into the parts.
struct RowsLowRank {
  Tensor a, b;
  double scale = 1;
  int64_t row = 0;
};
LowRank stack_low_rank(const std::vector<RowsLowRank>& parts, int64_t out);

/// What an adapter changes in a stack's weights while it runs. Layers that are one in the stack and several in the
/// checkpoint (q, k and v; gate and up) become one change of their rows. Throws Error for layers the stack does not
/// have or shares (a tied head), for shapes that do not fit, for matrices that PEFT would not use, and for layers that
/// the config names but the adapter lacks.
Overlay adapter_overlay(const Adapter& adapter, const Stack& stack, const CheckpointNames& names);

/// The adapter that says what an overlay's low-rank changes of a stack's weights do, each weight's rank and scale being
/// the same: one module for each layer of the checkpoint, several with the same a where the stack has one. `config` gives
/// the name of the base model. Throws Error for changes of ranks or scales that differ, for choices by row and for
/// weights that are no linear layers.
Adapter adapter_of(const Overlay& overlay, const Stack& stack, const CheckpointNames& names, PeftConfig config);

/// Makes an overlay's changes of the weights for good, without gradients.
void merge_overlay(Stack& stack, const Overlay& overlay);

/// The same for an adapter.
void merge_adapter(const Adapter& adapter, Stack& stack, const CheckpointNames& names);

}  // namespace strata
