// Parser: strata/formats/peft_config.cpp strata/formats/unknown_keys.cpp
#include <cstdint>
#include <cstdlib>
#include <string>

#include "strata/base/error.h"
#include "strata/formats/peft_config.h"

// Any text is either refused by an Error or gives an adapter's config that says the same when written and read.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  strata::PeftConfig config;
  try {
    config = strata::peft_config_from_json(text, "input");
  } catch (const strata::Error&) {
    return 0;
  }
  const std::string written = strata::peft_config_to_json(config);
  const strata::PeftConfig again = strata::peft_config_from_json(written, "again");
  if (strata::peft_config_to_json(again) != written) std::abort();
  try {
    for (const char* path : {"q_proj", "model.layers.0.self_attn.q_proj", "h.1.mlp.c_fc", "a"}) {
      if (again.rank_of(path) != config.rank_of(path) || again.scale_of(path) != config.scale_of(path)) std::abort();
      if (config.rank_of(path) < 1) std::abort();
      for (const bool linear : {false, true})
        if (again.targets(path, linear) != config.targets(path, linear)) std::abort();
    }
  } catch (const strata::Error&) {
    return 0;  // an expression that costs too much
  }
  return 0;
}
