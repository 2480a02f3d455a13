#include <cstdint>
#include <cstdlib>
#include <span>

#include "strata/base/error.h"
#include "strata/formats/safetensors.h"

// Any bytes are either refused by an Error or give tensors that tile the data, can be looked up and can be laid out
// again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const strata::Safetensors file(std::as_bytes(std::span(data, size)), "input");
    size_t bytes = 0;
    for (const strata::TensorView& tensor : file.tensors()) {
      if (&file.at(tensor.name) != &tensor) std::abort();
      if (strata::tensor_bytes("input", tensor.dtype, tensor.shape) != tensor.bytes.size()) std::abort();
      for (const std::byte value : tensor.bytes) bytes += 1 + (static_cast<size_t>(value) >> 8);
    }
    const strata::SafetensorsLayout layout = strata::layout_safetensors("input", file.tensors(), file.metadata());
    if (bytes > size || layout.order.size() != file.tensors().size() || layout.header.size() % 8 != 0) std::abort();
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
