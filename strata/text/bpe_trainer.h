#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "strata/text/bpe.h"
#include "strata/text/tokenizer.h"
#include "strata/text/word_split.h"

namespace strata {

struct BpeTrainerConfig {
  int64_t vocab_size = 8192;         // at most; special tokens and the 256 bytes are part of it
  int64_t min_count = 2;             // pairs that occur less often are not merged
  std::vector<std::string> special;  // the first ids, in this order; the first one is the text's end (eos)
  WordPattern words = WordPattern::gpt2;
};

/// Trains byte-level byte-pair encoding (Sennrich et al. 2016; bytes as in Radford et al. 2019): words of the text are
/// counted, and the pair of adjacent tokens that occurs most often becomes a token, again and again. Of pairs equally
/// frequent the one with the smaller left id is taken, then the smaller right id; the result is the same on every
/// machine. Pairs are counted as they change, so that a merge costs what it touches.
class BpeTrainer {
 public:
  /// Throws Error when the vocabulary has no room for bytes and special tokens, or a special token repeats.
  explicit BpeTrainer(BpeTrainerConfig config);

  /// Counts the words of a text. A word that spans two calls is two words.
  void add(std::string_view text);

  /// The tokenizer for what was added.
  Tokenizer train() const;

 private:
  BpeTrainerConfig config_;
  std::unordered_map<std::string, int64_t, StringHash, std::equal_to<>> words_;
};

}  // namespace strata
