#include "strata/formats/unknown_keys.h"

#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"

namespace strata {

const Keys& harmless_keys() {
  // clang-format off
  static const Keys keys{
      "attention_dropout", "attention_probs_dropout_prob", "attn_implementation", "auto_map", "bad_words_ids",
      "begin_suppress_tokens", "bos_token_id", "chunk_size_feed_forward", "classifier_dropout",
      "decoder_start_token_id", "diversity_penalty", "dropout", "encoder_no_repeat_ngram_size", "eos_token_id",
      "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id",
      "gradient_checkpointing", "hidden_dropout_prob", "length_penalty", "max_length", "min_length", "name_or_path",
      "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences", "output_attentions",
      "output_hidden_states", "output_scores", "pad_token_id", "prefix", "problem_type", "remove_invalid_values",
      "repetition_penalty", "return_dict", "return_dict_in_generate", "sep_token_id", "suppress_tokens",
      "task_specific_params", "temperature", "tokenizer_class", "top_k", "top_p", "torchscript",
      "transformers_version", "typical_p", "use_bfloat16", "use_cache"};
  // clang-format on
  return keys;
}

void refuse_unknown_keys(const nlohmann::json& config, const std::string& file,
                         const std::function<bool(const std::string& key)>& known) {
  for (const auto& [key, value] : config.items()) {
    if (value.is_null() || value == nlohmann::json(false) || (value.is_structured() && value.empty())) continue;
    if (!known(key))
      fail(file, ": ", key, ": expected no such key, found ", shown(value),
           ", which could change what the model computes; if it does not change the model, delete the key");
  }
}

}  // namespace strata
