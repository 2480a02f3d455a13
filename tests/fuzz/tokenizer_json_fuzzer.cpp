// Parser: strata/formats/tokenizer_json.cpp
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "strata/base/error.h"
#include "strata/formats/tokenizer_json.h"
#include "tests/fuzz/expect_refused.h"

// Any text is either refused by an Error or gives a tokenizer that encodes, decodes, and is the same when written and
// read.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool checked = [] {
    strata::expect_refused([] { return strata::open_tokenizer("no such folder"); });
    return true;
  }();
  (void)checked;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const strata::Tokenizer tokenizer = strata::tokenizer_from_json(text, "", "input");
    const std::string written = strata::tokenizer_to_json(tokenizer);
    const strata::Tokenizer again = strata::tokenizer_from_json(written, "", "written");
    if (strata::tokenizer_to_json(again) != written) std::abort();
    strata::expect_refused(
        [&] { return strata::tokenizer_from_json(written, R"({"eos_token": "\n none \n"})", "roles"); });
    const std::string_view sample = text.substr(0, 200);
    const auto ids = tokenizer.encode(sample);
    if (again.encode(sample) != ids) std::abort();
    for (const int32_t id : ids)
      if (id < 0) std::abort();
    static_cast<void>(tokenizer.decode(ids));
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
