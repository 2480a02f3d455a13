#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/text/pattern.h"
#include "strata/text/word_split.h"

namespace strata {

/// What becomes of the matches that text is split by.
enum class SplitBehaviour { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// One way to cut text into the pieces that byte-pair encoding must not merge across.
struct PreTokeniserStep {
  enum class Kind {
    byte_level,        // add_prefix_space, then the GPT-2 expression where use_regex; pieces become bytes
    words,             // a published expression, isolated
    split,             // any pattern, with behaviour and invert
    digits,            // numbers from the rest, one by one where `individual`
    metaspace,         // spaces become `text`, put before the piece by prepend; cut before each where use_regex
    whitespace,        // \w+|[^\w\s]+
    whitespace_split,  // at spaces
    punctuation,       // with behaviour
  };
  enum class Prepend { always, first, never };

  Kind kind = Kind::byte_level;
  bool add_prefix_space = false;
  bool use_regex = true;
  WordPattern words = WordPattern::gpt2;
  Pattern pattern;
  SplitBehaviour behaviour = SplitBehaviour::isolated;
  bool invert = false;
  bool individual = false;
  std::string text;
  Prepend prepend = Prepend::always;
};

/// A piece of text, and whether it begins where the whole text does (Metaspace asks).
using PieceSink = std::function<void(std::string_view piece, bool at_start)>;

class PreTokeniser {
 public:
  PreTokeniser() = default;
  explicit PreTokeniser(std::vector<PreTokeniserStep> steps) : steps_(std::move(steps)) {}

  const std::vector<PreTokeniserStep>& steps() const { return steps_; }
  /// Pieces are raw bytes, to be read in the byte-level alphabet: the last step is byte_level.
  bool byte_level() const { return !steps_.empty() && steps_.back().kind == PreTokeniserStep::Kind::byte_level; }
  /// The expression, when cutting by it is all there is to do before bytes are read.
  std::optional<WordPattern> only_words() const;

  /// Hands the pieces of a text, none of them empty, to `sink` one by one; a piece is valid during the call.
  void split(std::string_view text, bool at_start, const PieceSink& sink) const;

 private:
  std::vector<PreTokeniserStep> steps_;
};

}  // namespace strata
