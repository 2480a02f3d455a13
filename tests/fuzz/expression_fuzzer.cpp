// Parser: strata/text/oniguruma.cpp strata/text/pattern.cpp
#include <algorithm>
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

// What PCRE2 makes of a translation takes a thousand times as long as translating, and a million times as long when it
// repeats something by tens: such expressions, and long ones that are not refused, are only translated.
bool worth_matching(std::string_view expression) {
  constexpr size_t longest = 14, refused = 16 * 1024;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const size_t brace = expression.find('{');
  const std::string_view repeats = brace == std::string_view::npos ? "" : expression.substr(brace);
  return expression.size() > refused ||
         (expression.size() <= longest && std::adjacent_find(repeats.begin(), repeats.end(), [&](char a, char b) {
                                            return digit(a) && digit(b);
                                          }) == repeats.end());
}

// An expression of a tokenizer.json: refused, or its matches are in the text, in order, apart, and all that replacing
// takes out.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view expression(reinterpret_cast<const char*>(data), size);
  std::optional<strata::Pattern> pattern;
  try {
    (void)strata::oniguruma_to_pcre2(expression, "fuzzer");
    if (!worth_matching(expression)) return 0;
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
      return 0;  // a search that costs too much
    }
  }
  return 0;
}
