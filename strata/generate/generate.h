#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "strata/route/route.h"
#include "strata/stack/run.h"
#include "strata/text/constraint.h"
#include "strata/text/sampling.h"
#include "strata/text/tokenizer.h"

namespace strata {

/// A token as it comes, for streaming.
struct GeneratedPiece {
  int64_t prompt = 0, copy = 0;  // whose output goes on
  int32_t token = 0;
  std::string text;   // what is now surely part of the output; often empty
  bool last = false;  // nothing more will come from this sequence
};

struct GenerateOptions {
  Route route;                            // the blocks that run
  const StackSources* sources = nullptr;  // other models that the route calls
  Sampling sampling;
  int64_t max_new_tokens = 128;
  int64_t context = 0;        // no sequence grows longer than this, prompt included; 0: no limit
  int64_t copies = 1;         // outputs for each prompt
  uint64_t seed = 0;          // copy c of any prompt draws from the stream (seed, c), whatever is generated beside it
  std::vector<int32_t> ends;  // ids that end an output; the one that comes is its last token
  std::vector<std::string> stop;  // texts that end an output, and are not in its text
  /// The text of an output goes on from its prompt's: some tokenizers drop a space in front of the first token, here that
  /// of the prompt. False: the output is a text of its own, such as an answer in a conversation.
  bool continues = false;
  bool log_probabilities = false;
  int64_t top_log_probabilities = 0;  // so many alternatives for each token
  bool cached = true;                 // earlier rows are not run again
  /// Makes what each output must obey; none: no constraint.
  std::function<std::unique_ptr<Constraint>()> constraint;
  /// Called for every token; false ends that output.
  std::function<bool(const GeneratedPiece&)> on_token;
};

struct Generated {
  int64_t prompt = 0, copy = 0;
  std::vector<int32_t> tokens;  // of the output, an end token included
  std::string text;             // without special tokens and the stop text; empty without a tokenizer
  /// Why it ended: "end" (an end token, or the constraint was fulfilled), "stop" (a stop text), "length", "caller".
  std::string reason;
  std::string stop;  // the stop text that was found
  /// Under the model's own distribution, before penalties, temperature and constraint.
  std::vector<float> log_probabilities;
  std::vector<std::vector<std::pair<int32_t, float>>> top_log_probabilities;
};

struct GenerateTimes {
  double prompt_seconds = 0, token_seconds = 0;  // of the first pass, and of all later ones together
  int64_t prompt_tokens = 0, passes = 0, new_tokens = 0;
};

/// Continues prompts with a causal language model along any route. Prompts of different lengths run together as ragged
/// rows, without padding; each output is what it would be alone, up to rounding in the logits. The caches of a pass
/// belong to the executed prefixes of this route and to this call. `tokenizer` may be null when there are no stop texts
/// and no text is wanted. Throws Error for an empty prompt, a token outside the vocabulary and a prompt longer than the
/// context.
std::vector<Generated> generate(const Stack& stack, const std::vector<std::vector<int32_t>>& prompts,
                                const GenerateOptions& options, const Tokenizer* tokenizer = nullptr,
                                GenerateTimes* times = nullptr);

}  // namespace strata
