#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "strata/base/random.h"
#include "strata/text/constraint.h"

namespace strata {

/// How the next token is picked from logits. The defaults, top_k among them, are those of transformers.
struct Sampling {
  bool sample = false;            // false: the most probable token, the lowest id among equals
  double temperature = 1;         // logits are divided by it; 0: as sample = false
  int64_t top_k = 50;             // only the most probable so many, and those equal to the last of them; 0: all
  double top_p = 1;               // only the most probable that together reach this probability; 1: all
  double min_p = 0;               // only those with at least this share of the highest probability
  double typical_p = 1;           // only those whose surprise is nearest to the entropy (Meister et al. 2023); 1: all
  double repetition_penalty = 1;  // on every id of prompt and output once: negative logits times it, others through it
  double presence_penalty = 0;    // taken off every id of the output once ...
  double frequency_penalty = 0;   // ... and as often as it occurs there
  int64_t no_repeat_ngram = 0;    // no run of so many tokens occurs twice; 0: they may
  std::vector<std::vector<int32_t>> bad_words;
  int64_t min_length = 0;                         // no end before prompt and output together are so long
  int64_t min_new_tokens = 0;                     // no end before the output is so long
  std::vector<int32_t> suppress, suppress_first;  // never, or never as the first token of the output
  std::optional<int32_t> forced_first;            // the one token that may follow a prompt of a single token
  std::vector<int32_t> forced_last;               // what alone may come at the last place
};

/// What stands before the token to be picked.
struct TokenHistory {
  std::span<const int32_t> tokens;  // prompt, then output
  int64_t prompt = 0;               // how many of them are the prompt
  bool last = false;                // no further token will follow this one
  std::span<const int32_t> ends;    // ids that end the output
};

/// Throws UsageError naming the field that is out of range.
void check(const Sampling& sampling);

/// What depends on the history, in transformers' order: repetition penalty, presence and frequency penalty, repeated
/// n-grams, bad words, lengths, forced and suppressed ids. Ids beyond the logits are passed over; -inf is never picked.
void penalise(const Sampling& sampling, const TokenHistory& history, std::span<float> logits);

/// What is done for sampling alone: temperature, top_k, top_p, min_p, typical_p, in this order. At least one stays.
void narrow(const Sampling& sampling, std::span<float> logits);

/// The highest logit; the lowest id among equals. Throws Error when a logit is NaN or all are -inf.
int32_t most_probable(std::span<const float> logits);

/// Draws by softmax(logits) with one random number in [0, 1), in the order of ids. Throws as above.
int32_t draw(std::span<const float> logits, double uniform);

/// Of a token under softmax(logits), in nats.
double log_probability(std::span<const float> logits, int32_t token);

/// The `count` most probable tokens with their log-probabilities, the most probable first.
std::vector<std::pair<int32_t, float>> top_log_probabilities(std::span<const float> logits, int64_t count);

/// Penalises, forbids what the constraint does, and picks or narrows and draws. `logits` is overwritten. The random
/// number is the one of (random, number of the token in the output), so that a sequence draws the same whatever is drawn
/// beside it.
int32_t pick(const Sampling& sampling, const TokenHistory& history, std::span<float> logits, const Random& random,
             Constraint* constraint = nullptr);

}  // namespace strata
