// Parser: strata/text/json_schema.cpp strata/text/json_pattern.cpp
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"
#include "strata/text/grammar.h"
#include "strata/text/json_schema.h"

// Any JSON is either refused as a schema or becomes a text that reads as a grammar, or is refused as one that is too large.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    (void)strata::parse_json(text, "input");
    (void)strata::parse_grammar(strata::json_schema_to_grammar(nlohmann::ordered_json::parse(text), "input"));
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
