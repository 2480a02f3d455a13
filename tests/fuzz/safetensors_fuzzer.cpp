// Parser: strata/formats/safetensors.cpp
#include <cstdint>
#include <cstdlib>
#include <span>

#include "strata/base/error.h"
#include "strata/formats/safetensors.h"

namespace {

void read_and_check(std::span<const std::byte> bytes, const strata::SafetensorsOptions& options) {
  const strata::Safetensors file(bytes, "input", options);
  size_t read = 0;
  for (const strata::TensorView& tensor : file.tensors()) {
    if (&file.at(tensor.name) != &tensor) std::abort();
    if (strata::tensor_bytes("input", tensor.dtype, tensor.shape) != tensor.bytes.size()) std::abort();
    for (const std::byte value : tensor.bytes) read += 1 + (static_cast<size_t>(value) >> 8);
  }
  const strata::SafetensorsLayout layout = strata::layout_safetensors("input", file.tensors(), file.metadata());
  if (read > bytes.size() || layout.order.size() != file.tensors().size() || layout.header.size() % 8 != 0)
    std::abort();
}

}  // namespace

// Any bytes are either refused by an Error or give tensors that tile the data, can be looked up and can be laid out
// again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const bool skip : {false, true}) {
    try {
      read_and_check(std::as_bytes(std::span(data, size)), {.skip_unknown_dtypes = skip});
    } catch (const strata::Error&) {  // refused: as good an answer as any
      continue;
    }
  }
  return 0;
}
