#pragma once

#include "strata/models/checkpoint.h"
#include "strata/models/language.h"

namespace strata {

/// The tensors of the family's Hugging Face checkpoints (LlamaForCausalLM, GPT2LMHeadModel, ...), of old files and of
/// those saved without the head or its prefix as well.
CheckpointNames language_names(const LanguageConfig& config);

/// Names of the two tables of tokens in them: the embedding's, and the head's where it is not tied.
struct TableNames {
  std::string embedding, head;
};
TableNames table_names(const LanguageConfig& config);

}  // namespace strata
