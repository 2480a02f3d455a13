#pragma once

#include <string>
#include <vector>

#include "strata/data/text.h"
#include "strata/stack/run.h"

namespace strata {

/// A question with its possible answers. Question and answer are tokenised as one text; a token that lies across their
/// border belongs to the answer.
struct ChoiceQuestion {
  struct Choice {
    std::vector<int32_t> question, answer;
    int64_t bytes = 0;  // of the answer
  };
  std::vector<Choice> choices;
  int64_t answer = 0;
};

/// How often the answer was found.
struct ChoiceScore {
  int64_t questions = 0;
  double accuracy = 0;             // the choice of the largest log-probability
  double accuracy_normalised = 0;  // of the largest log-probability per byte
  double bits_per_byte = 0;        // of the right answers, after their questions
};

/// JSON lines {"question": text, "choices": [texts], "answer": index or one of the texts}. A space is put in front of a
/// choice where question and choice have none between them, as in "Question: ... Answer:". Throws Error naming file and
/// line for anything else, and for a question or choice that has no token.
std::vector<ChoiceQuestion> parse_choices(const std::string& text, const std::string& name, const TextCodec& codec);
std::vector<ChoiceQuestion> read_choices(const std::string& path, const TextCodec& codec);

/// Scores a language model along a route. Questions lose their beginning where they and a choice are longer than
/// `context`; a choice that is longer on its own throws Error.
ChoiceScore score_choices(const Stack& stack, const Route& route, const std::vector<ChoiceQuestion>& questions,
                          int64_t context, const RunOptions& options = {});

}  // namespace strata
