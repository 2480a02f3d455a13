// Parser: strata/formats/preprocessor.cpp
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/preprocessor.h"

// Any text is either refused by an Error or says how images become 224 x 224, and is the same when written and read.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto json = strata::parse_json({reinterpret_cast<const char*>(data), size}, "input");
    const strata::Preprocessor read = strata::preprocessor_from_json(json, "input", 3, 224, 224);
    if (read.fit.out_height() != 0 && read.fit.out_height() != 224) std::abort();
    const nlohmann::json written = strata::preprocessor_to_json(read, 3);
    if (strata::preprocessor_from_json(written, "again", 3, 224, 224).fit != read.fit) std::abort();
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
