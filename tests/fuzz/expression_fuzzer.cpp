// Parser: strata/text/oniguruma.cpp
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "strata/base/error.h"
#include "strata/text/oniguruma.h"
#include "strata/text/pattern.h"

namespace {

constexpr std::string_view kTexts[] = {"", "a", "don't stop 1234\n\n  caf\xC3\xA9\r\n",
                                       "ss \xC3\x9F \xEF\xAC\x81 \xC2\xB2 \xE4\xB8\xAD\xE3\x80\x82 \xF0\x9F\x98\x80",
                                       "bad \xFF bytes \xC3"};

}  // namespace

// What PCRE2 makes of a translation takes a thousand times as long as translating: long expressions are only translated.
constexpr size_t kMatched = 12;

// An expression of a tokenizer.json: refused, or its matches are in the text, in order, apart, and all that replacing
// takes out.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view expression(reinterpret_cast<const char*>(data), size);
  std::optional<strata::Pattern> pattern;
  try {
    (void)strata::oniguruma_to_pcre2(expression, "fuzzer");
    if (size > kMatched) return 0;
    pattern.emplace(std::string(expression), true, "fuzzer");
  } catch (const strata::Error&) {
    return 0;
  }
  for (const std::string_view text : kTexts) {
    try {
      std::string rest;
      size_t at = 0;
      bool any = false;
      pattern->each_match(text, [&](size_t begin, size_t end) {
        if (begin < at || end < begin || end > text.size()) std::abort();
        rest += text.substr(at, begin - at);
        at = end;
        any = true;
      });
      rest += text.substr(at);
      if (any != pattern->found_in(text) || rest != pattern->replace_all(text, "", text.size())) std::abort();
    } catch (const strata::Error&) {
      // a match that costs too much
    }
  }
  return 0;
}
