// Parser: strata/text/jinja_lexer.cpp strata/text/jinja_parser.cpp strata/text/jinja_run.cpp strata/text/jinja_functions.cpp strata/text/jinja_numbers.cpp strata/text/jinja_signatures.cpp strata/text/jinja_text.cpp strata/text/jinja_value.cpp
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "strata/base/error.h"
#include "strata/text/chat_template.h"

// Any template is either refused by an Error or prints within its limits, twice the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using nlohmann::ordered_json;
  static const ordered_json variables = ordered_json::parse(R"({"messages": [
    {"role": "system", "content": "Be brief."}, {"role": "user", "content": "H\u00f6 2\n"},
    {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"x": [1, 2.5]}}}]},
    {"role": "user", "content": [{"type": "text", "text": "a"}]}], "tools": null, "bos_token": "<s>", "n": 3})");
  const strata::ChatTemplateLimits limits{.steps = 20000, .output = 1 << 16};
  try {
    const strata::ChatTemplate parsed({reinterpret_cast<const char*>(data), size}, "input");
    const auto first = parsed.render(variables, limits, 0);
    if (first.text.size() > limits.output || parsed.render(variables, limits, 0).text != first.text) std::abort();
    for (const auto& [begin, end] : first.generated)
      if (begin > end || end > first.text.size()) std::abort();
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
