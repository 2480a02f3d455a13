// Parser: strata/formats/model_notes.cpp
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/model_notes.h"

// Of a model with as many blocks as it names, any strata.json is either refused by an Error or is the same when written and read.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::NotesFile read;
  constexpr int64_t depth = 1;
  try {
    read = strata::notes_from_json(strata::parse_json({reinterpret_cast<const char*>(data), size}, "input"), "vit",
                                   depth, "input");
  } catch (const strata::Error&) {
    return 0;
  }
  const auto written = strata::notes_to_json(read);
  const auto again = strata::notes_from_json(strata::parse_json(written.dump(), "again"), "vit", depth, "again");
  if (strata::notes_to_json(again) != written) std::abort();
  return 0;
}
