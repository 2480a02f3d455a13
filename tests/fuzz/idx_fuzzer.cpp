// Parser: strata/formats/idx.cpp
#include <cstdint>
#include <cstdlib>
#include <span>

#include "strata/base/error.h"
#include "strata/formats/idx.h"

// Any bytes are either refused by an Error or give an array of the announced size.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const strata::IdxArray array = strata::parse_idx(std::as_bytes(std::span(data, size)), "input");
    size_t elements = 1;
    for (const int64_t dimension : array.shape) elements *= static_cast<size_t>(dimension);
    if (elements == 0 ? !array.bytes.empty() : array.bytes.size() % elements != 0) std::abort();
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
