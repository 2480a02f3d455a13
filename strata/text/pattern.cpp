#include "strata/text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/text/oniguruma.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

// Processor's time for one text: a hundred times what published expressions need.
constexpr double kSeconds = 0.1, kSecondsPerByte = 5e-6;
// What one start may cost before the expression that looks at the clock takes over: a match counts its steps, but a step
// can run over the whole text.
constexpr size_t kQuickBytes = size_t{1} << 24, kFewestSteps = 16, kMostSteps = 10'000;
constexpr int kStepsPerLook = 64;
constexpr size_t kSmallestStack = size_t{32} << 10, kLargestStack = size_t{64} << 20;
constexpr size_t kLongestExpression = 16 * 1024;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* value) const {
    Free(value);
  }
};
using Code = std::unique_ptr<pcre2_code, Freed<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Freed<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Freed<pcre2_match_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Freed<pcre2_jit_stack_free>>;

std::string message_of(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

// Null, and why, when `source` is no expression.
Code compile(const std::string& source, uint32_t options, std::string* why) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  Code compiled(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                              PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | options, &code,
                              &offset, nullptr));
  if (!compiled)
    *why = message_of(code);
  else  // Where the processor's code cannot be made, the interpreter does the same more slowly.
    static_cast<void>(pcre2_jit_compile(compiled.get(), PCRE2_JIT_COMPLETE));
  return compiled;
}

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Stops a match, from within, when the time for its text is over.
struct Patience {
  double seconds;
  double until = 0;
  int steps = 0;

  static int look(pcre2_callout_block*, void* data) {
    Patience& patience = *static_cast<Patience*>(data);
    if (++patience.steps < kStepsPerLook) return 0;
    patience.steps = 0;
    const double now = thread_seconds();
    if (patience.until == 0) patience.until = now + patience.seconds;
    return now > patience.until ? PCRE2_ERROR_CALLOUT : 0;
  }
};

}  // namespace

struct Pattern::Compiled {
  std::string source;
  Code quick;  // looks at the clock only where a match may begin
};

// One pass over a text.
class Pattern::Search {
 public:
  Search(const Pattern& pattern, size_t bytes)
      : pattern_(pattern),
        patience_{kSeconds + kSecondsPerByte * static_cast<double>(bytes)},
        data_(pcre2_match_data_create(1, nullptr)),
        limits_(pcre2_match_context_create(nullptr)) {
    pcre2_set_callout(limits_.get(), Patience::look, &patience_);
    pcre2_set_heap_limit(limits_.get(), kLargestStack >> 10);
    pcre2_set_match_limit(limits_.get(),
                          static_cast<uint32_t>(std::clamp(kQuickBytes / (bytes + 1), kFewestSteps, kMostSteps)));
  }

  void each_match(std::string_view text, size_t offset, const std::function<void(size_t, size_t)>& found);

 private:
  struct Match {
    size_t begin, end;
  };
  int match(std::string_view text, size_t at);
  void report(const std::function<void(size_t, size_t)>& found);

  const Pattern& pattern_;
  Patience patience_;
  size_t kept_ = 0;
  std::array<Match, 64> matches_;  // the first kept_ are not reported yet
  MatchData data_;
  MatchContext limits_;
  Code patient_;  // looks at the clock at every step: twice as slow
  JitStack stack_;
};

int Pattern::Search::match(std::string_view text, size_t at) {
  const auto with = [&](const Code& code) {
    return pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, PCRE2_NO_UTF_CHECK,
                       data_.get(), limits_.get());
  };
  if (!patient_) {
    const int code = with(pattern_.compiled_->quick);
    if (code != PCRE2_ERROR_MATCHLIMIT && code != PCRE2_ERROR_JIT_STACKLIMIT) return code;
    std::string why;
    patient_ = compile(pattern_.compiled_->source, PCRE2_AUTO_CALLOUT, &why);
    if (!patient_) return code;
    stack_.reset(pcre2_jit_stack_create(kSmallestStack, kLargestStack, nullptr));
    pcre2_jit_stack_assign(limits_.get(), nullptr, stack_.get());
    pcre2_set_match_limit(limits_.get(), UINT32_MAX);
  }
  return with(patient_);
}

// text: well-formed UTF-8, `offset` bytes into the whole.
void Pattern::Search::each_match(std::string_view text, size_t offset,
                                 const std::function<void(size_t, size_t)>& found) {
  size_t last_end = std::string_view::npos;  // of the last match
  for (size_t at = 0; at <= text.size();) {
    const int code = match(text, at);
    if (code == PCRE2_ERROR_NOMATCH) break;
    if (code == PCRE2_ERROR_CALLOUT)
      fail("regular expression ", in_quotes(pattern_.text_), ": expected to search a text in ", patience_.seconds,
           " seconds, gave up at byte ", offset + at, "; it needs a simpler expression or shorter texts");
    const PCRE2_SIZE* const bounds = pcre2_get_ovector_pointer(data_.get());
    // \K can put the beginning behind the end or before the last match, where a look-ahead calls it.
    const bool astray = code >= 0 && (bounds[0] < at || bounds[1] < bounds[0]);
    if (code < 0 || astray)
      fail("regular expression ", in_quotes(pattern_.text_), ": gave up at byte ", offset + at,
           " of the text: ", astray ? "a match outside of what was left" : message_of(code));
    at = bounds[1];
    const bool empty = bounds[0] == bounds[1];
    // Right behind a match there is no empty one, for the programs that these expressions are written for.
    if (!empty || at != last_end) matches_[kept_++] = {offset + bounds[0], offset + bounds[1]};
    if (kept_ == matches_.size()) report(found);
    last_end = at;
    if (empty) at += at < text.size() ? utf8_step(text.data() + at, text.data() + text.size()).bytes : 1;
  }
  report(found);
}

// What is done with the matches is not the search's time.
void Pattern::Search::report(const std::function<void(size_t, size_t)>& found) {
  const bool timed = patience_.until != 0;
  const double before = timed ? thread_seconds() : 0;
  for (size_t i = 0; i < kept_; ++i) found(matches_[i].begin, matches_[i].end);
  if (timed) patience_.until += thread_seconds() - before;
  kept_ = 0;
}

Pattern::Pattern(std::string text, bool regex, const std::string& who, Dialect dialect)
    : text_(std::move(text)), regex_(regex) {
  if (text_.empty()) fail(who, ": expected something to look for, found an empty pattern");
  if (!regex) return;
  if (text_.size() > kLongestExpression)
    fail(who, ": expected a regular expression of at most ", kLongestExpression, " bytes, found ", text_.size());
  auto compiled = std::make_shared<Compiled>();
  compiled->source = dialect == Dialect::oniguruma ? oniguruma_to_pcre2(text_, who) : text_;
  std::string why;
  compiled->quick = compile("(?C1)" + compiled->source, 0, &why);
  if (!compiled->quick) fail(who, ": ", in_quotes(text_), " is no regular expression that we understand: ", why);
  compiled_ = std::move(compiled);
}

void Pattern::each_match(std::string_view text, const std::function<void(size_t, size_t)>& found) const {
  if (!regex_) {
    for (size_t at = text.find(text_); at != std::string_view::npos; at = text.find(text_, at + text_.size()))
      found(at, at + text_.size());
    return;
  }
  Search search(*this, text.size());
  const char* const end = text.data() + text.size();
  const char* begin = text.data();
  const auto stretch = [&](const char* stop) {
    if (stop > begin) search.each_match({begin, stop}, static_cast<size_t>(begin - text.data()), found);
  };
  for (const char* at = begin; at < end;) {
    const Utf8Step step = utf8_step(at, end);
    if (!step.valid()) {
      stretch(at);
      begin = at + 1;
    }
    at += step.bytes;
  }
  stretch(end);
}

bool Pattern::found_in(std::string_view text) const {
  bool found = false;
  each_match(text, [&found](size_t, size_t) { found = true; });
  return found;
}

std::string Pattern::replace_all(std::string_view text, std::string_view replacement, size_t most) const {
  std::string result;
  size_t copied = 0;
  const auto add = [&](std::string_view part) {
    if (part.size() > most - result.size())
      fail("replacing ", in_quotes(text_), ": expected at most ", most, " bytes of text, found more");
    result.append(part);
  };
  each_match(text, [&](size_t begin, size_t end) {
    add(text.substr(copied, begin - copied));
    add(replacement);
    copied = end;
  });
  add(text.substr(copied));
  return result;
}

}  // namespace strata
