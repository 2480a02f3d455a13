#include "strata/text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <utility>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/text/oniguruma.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

// Bounds on the work for one match: far above what published expressions need, far below what a person waits for.
constexpr uint32_t kMatchLimit = 5'000'000;
// The interpreter, which is for what the compiled code's stack cannot hold, is far slower, and counts anew for each place
// where a match can begin.
constexpr uint32_t kInterpretedLimit = 100'000;
constexpr uint32_t kDepthLimit = 100'000;
constexpr uint32_t kHeapLimitKib = 64 * 1024;
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

std::string message_of(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct Pattern::Compiled {
  Code code;
  MatchContext limits, interpreted;

  void each_match(std::string_view text, size_t offset, const std::string& expression,
                  const std::function<void(size_t, size_t)>& found) const;
};

Pattern::Pattern(std::string text, bool regex, const std::string& who, Dialect dialect)
    : text_(std::move(text)), regex_(regex) {
  if (text_.empty()) fail(who, ": expected something to look for, found an empty pattern");
  if (!regex) return;
  if (text_.size() > kLongestExpression)
    fail(who, ": expected a regular expression of at most ", kLongestExpression, " bytes, found ", text_.size());
  const std::string source = dialect == Dialect::oniguruma ? oniguruma_to_pcre2(text_, who) : text_;
  auto compiled = std::make_shared<Compiled>();
  int code = 0;
  PCRE2_SIZE offset = 0;
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code, &offset,
                                     nullptr));
  if (!compiled->code)
    fail(who, ": ", in_quotes(text_), " is no regular expression that we understand: ", message_of(code));
  // Where the processor's code cannot be made, the interpreter does the same more slowly.
  static_cast<void>(pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE));
  compiled->limits.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(compiled->limits.get(), kMatchLimit);
  pcre2_set_depth_limit(compiled->limits.get(), kDepthLimit);
  pcre2_set_heap_limit(compiled->limits.get(), kHeapLimitKib);
  compiled->interpreted.reset(pcre2_match_context_copy(compiled->limits.get()));
  pcre2_set_match_limit(compiled->interpreted.get(), kInterpretedLimit);
  compiled_ = std::move(compiled);
}

// text: well-formed UTF-8, `offset` bytes into the whole.
void Pattern::Compiled::each_match(std::string_view text, size_t offset, const std::string& expression,
                                   const std::function<void(size_t, size_t)>& found) const {
  const MatchData data(pcre2_match_data_create(1, nullptr));
  const auto* const subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t last_end = std::string_view::npos;  // of the last match
  for (size_t at = 0; at <= text.size();) {
    int code = pcre2_match(this->code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK, data.get(), limits.get());
    if (code == PCRE2_ERROR_JIT_STACKLIMIT)
      code = pcre2_match(this->code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data.get(),
                         interpreted.get());
    if (code == PCRE2_ERROR_NOMATCH) return;
    if (code < 0)
      fail("regular expression ", in_quotes(expression), ": gave up at byte ", offset + at,
           " of the text: ", message_of(code));
    const PCRE2_SIZE* const bounds = pcre2_get_ovector_pointer(data.get());
    // \K in a look-ahead can put the beginning behind the end or before the last match.
    if (bounds[0] < at || bounds[1] < bounds[0])
      fail("regular expression ", in_quotes(expression), ": gave a match outside of the text that was left");
    at = bounds[1];
    const bool empty = bounds[0] == bounds[1];
    // Right behind a match there is no empty one, for the programs that these expressions are written for.
    if (!empty || at != last_end) found(offset + bounds[0], offset + bounds[1]);
    last_end = at;
    if (empty) at += at < text.size() ? utf8_step(text.data() + at, text.data() + text.size()).bytes : 1;
  }
}

void Pattern::each_match(std::string_view text, const std::function<void(size_t, size_t)>& found) const {
  if (!regex_) {
    for (size_t at = text.find(text_); at != std::string_view::npos; at = text.find(text_, at + text_.size()))
      found(at, at + text_.size());
    return;
  }
  const char* const end = text.data() + text.size();
  const char* begin = text.data();
  const auto stretch = [&](const char* stop) {
    if (stop > begin) compiled_->each_match({begin, stop}, static_cast<size_t>(begin - text.data()), text_, found);
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
