#include "strata/text/pre_tokeniser.h"

#include <algorithm>

#include "strata/text/byte_level.h"
#include "strata/text/unicode.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

struct Part {
  size_t begin, end;
  bool match;
};

// Parts that cover a text in order, matches and what lies between them, joined as the behaviour says.
class Parts {
 public:
  void add(size_t begin, size_t end, bool match) { parts_.push_back({begin, end, match}); }

  void hand_out(std::string_view text, SplitBehaviour behaviour, const PieceSink& sink, bool at_start) {
    if (behaviour == SplitBehaviour::merged_with_next) join_with_next();
    if (behaviour == SplitBehaviour::merged_with_previous) join_with_previous();
    if (behaviour == SplitBehaviour::contiguous) join_equal();
    for (const Part& part : parts_) {
      const bool dropped = behaviour == SplitBehaviour::removed && part.match;
      if (part.end > part.begin && !dropped)
        sink(text.substr(part.begin, part.end - part.begin), at_start && part.begin == 0);
    }
  }

 private:
  void join_with_previous() {
    std::vector<Part> joined;
    bool after_match = false;
    for (const Part& part : parts_) {
      if (part.match && !after_match && !joined.empty())
        joined.back().end = part.end;
      else
        joined.push_back(part);
      after_match = part.match;
    }
    parts_ = std::move(joined);
  }
  void join_with_next() {
    std::vector<Part> joined;
    bool before_match = false;
    for (size_t i = parts_.size(); i-- > 0;) {
      if (parts_[i].match && !before_match && !joined.empty())
        joined.back().begin = parts_[i].begin;
      else
        joined.push_back(parts_[i]);
      before_match = parts_[i].match;
    }
    std::reverse(joined.begin(), joined.end());
    parts_ = std::move(joined);
  }
  void join_equal() {
    std::vector<Part> joined;
    for (const Part& part : parts_)
      if (!joined.empty() && joined.back().match == part.match)
        joined.back().end = part.end;
      else
        joined.push_back(part);
    parts_ = std::move(joined);
  }

  std::vector<Part> parts_;
};

void split_by_pattern(const PreTokeniserStep& step, std::string_view text, bool at_start, const PieceSink& sink) {
  Parts parts;
  size_t covered = 0;
  step.pattern.each_match(text, [&](size_t begin, size_t end) {
    if (begin > covered) parts.add(covered, begin, step.invert);
    parts.add(begin, end, !step.invert);
    covered = end;
  });
  if (covered < text.size()) parts.add(covered, text.size(), step.invert);
  parts.hand_out(text, step.behaviour, sink, at_start);
}

// Every character that the predicate takes is a match of its own.
template <class Predicate>
void split_by_characters(std::string_view text, SplitBehaviour behaviour, bool at_start, const PieceSink& sink,
                         Predicate match) {
  Parts parts;
  size_t covered = 0;
  const char* const end = text.data() + text.size();
  for (size_t at = 0; at < text.size();) {
    const Utf8Step step = utf8_step(text.data() + at, end);
    if (match(step.point)) {
      if (at > covered) parts.add(covered, at, false);
      covered = at + step.bytes;
      parts.add(at, covered, true);
    }
    at += step.bytes;
  }
  if (covered < text.size()) parts.add(covered, text.size(), false);
  parts.hand_out(text, behaviour, sink, at_start);
}

void split_by_words(WordPattern pattern, std::string_view text, bool at_start, const PieceSink& sink) {
  const WordMatcher matcher(pattern);
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const char* const stop = matcher.next(at, end);
    sink({at, stop}, at_start && at == text.data());
    at = stop;
  }
}

// \w+|[^\w\s]+
void split_by_whitespace(std::string_view text, bool at_start, const PieceSink& sink) {
  const ClassTable& classes = character_classes();
  const char* const end = text.data() + text.size();
  const char* begin = text.data();
  uint8_t kind = kSpace;  // of what lies between begin and here
  const auto hand_out = [&](const char* stop) {
    if (kind != kSpace && stop > begin) sink({begin, stop}, at_start && begin == text.data());
  };
  for (const char* at = text.data(); at < end;) {
    const Utf8Step step = utf8_step(at, end);
    const uint8_t here = classes[step.point] & (kWord | kSpace);
    if (here != kind) {
      hand_out(at);
      begin = at;
      kind = here;
    }
    at += step.bytes;
  }
  hand_out(end);
}

void split_metaspace(const PreTokeniserStep& step, std::string_view text, bool at_start, const PieceSink& sink) {
  std::string replaced;
  replaced.reserve(text.size() + text.size() / 2);
  for (const char byte : text)
    if (byte == ' ')
      replaced += step.text;
    else
      replaced += byte;
  using Prepend = PreTokeniserStep::Prepend;
  const bool wanted = step.prepend == Prepend::always || (step.prepend == Prepend::first && at_start);
  if (wanted && !replaced.starts_with(step.text)) replaced.insert(0, step.text);
  if (!step.use_regex) return sink(replaced, at_start);
  PreTokeniserStep before_each;
  before_each.pattern = step.pattern;
  before_each.behaviour = SplitBehaviour::merged_with_next;
  split_by_pattern(before_each, replaced, at_start, sink);
}

void split_byte_level(const PreTokeniserStep& step, bool last, std::string_view text, bool at_start,
                      const PieceSink& given) {
  std::string prefixed;
  if (step.add_prefix_space && !text.starts_with(' ')) {
    prefixed = " " + std::string(text);
    text = prefixed;
  }
  const PieceSink mapped = [&](std::string_view piece, bool start) { given(byte_level_text(piece), start); };
  const PieceSink& sink = last ? given : mapped;
  if (step.use_regex)
    split_by_words(WordPattern::gpt2, text, at_start, sink);
  else
    sink(text, at_start);
}

void apply_step(const PreTokeniserStep& step, bool last, std::string_view text, bool at_start, const PieceSink& sink) {
  using Kind = PreTokeniserStep::Kind;
  const ClassTable& classes = character_classes();
  switch (step.kind) {
    case Kind::byte_level:
      return split_byte_level(step, last, text, at_start, sink);
    case Kind::words:
      return split_by_words(step.words, text, at_start, sink);
    case Kind::split:
      return split_by_pattern(step, text, at_start, sink);
    case Kind::digits:
      return split_by_characters(text, step.individual ? SplitBehaviour::isolated : SplitBehaviour::contiguous,
                                 at_start, sink, [&](char32_t point) { return (classes[point] & kNumeric) != 0; });
    case Kind::metaspace:
      return split_metaspace(step, text, at_start, sink);
    case Kind::whitespace:
      return split_by_whitespace(text, at_start, sink);
    case Kind::whitespace_split:
      return split_by_characters(text, SplitBehaviour::removed, at_start, sink,
                                 [&](char32_t point) { return (classes[point] & kSpace) != 0; });
    case Kind::punctuation:
      return split_by_characters(text, step.behaviour, at_start, sink,
                                 [&](char32_t point) { return (classes[point] & kPunctuation) != 0; });
  }
}

void split_from(const std::vector<PreTokeniserStep>& steps, size_t first, std::string_view text, bool at_start,
                const PieceSink& sink) {
  if (first == steps.size()) return sink(text, at_start);
  const bool last = first + 1 == steps.size();
  if (last) return apply_step(steps[first], true, text, at_start, sink);
  apply_step(steps[first], false, text, at_start,
             [&](std::string_view piece, bool start) { split_from(steps, first + 1, piece, start, sink); });
}

}  // namespace

std::optional<WordPattern> PreTokeniser::only_words() const {
  using Kind = PreTokeniserStep::Kind;
  if (!byte_level() || steps_.back().add_prefix_space) return std::nullopt;
  if (steps_.size() == 1 && steps_[0].use_regex) return WordPattern::gpt2;
  if (steps_.size() == 2 && steps_[0].kind == Kind::words && !steps_[1].use_regex) return steps_[0].words;
  return std::nullopt;
}

void PreTokeniser::split(std::string_view text, bool at_start, const PieceSink& sink) const {
  if (!text.empty()) split_from(steps_, 0, text, at_start, sink);
}

}  // namespace strata
