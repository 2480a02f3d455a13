// Parser: strata/formats/gguf.cpp
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "strata/base/error.h"
#include "strata/formats/gguf.h"

// Any bytes are either refused by an Error or give values and tensors that can be looked up, read whole and laid out
// again to a file that reads the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const strata::Gguf file(std::as_bytes(std::span(data, size)), "input");
    size_t read = 0;
    for (const auto& [key, value] : file.metadata())
      if (file.find(key) != &value || strata::gguf_type_name(value).empty()) std::abort();
    for (const strata::GgufTensor& tensor : file.tensors()) {
      if (file.find_tensor(tensor.name) != &tensor) std::abort();
      if (strata::block_bytes(tensor.type, tensor.count()) != std::ssize(tensor.bytes)) std::abort();
      for (const std::byte value : tensor.bytes) read += 1 + (static_cast<size_t>(value) >> 8);
      if (strata::block_type_info(tensor.type).read) {
        std::vector<float> values(tensor.count());
        strata::dequantise(tensor.type, tensor.bytes.data(), values.data(), tensor.count());
      }
    }
    const std::string header = strata::gguf_header("again", file.metadata(), file.tensors());
    if (read > size || header.size() % file.alignment() != 0) std::abort();
    std::vector<std::byte> whole(header.size());
    std::copy_n(reinterpret_cast<const std::byte*>(header.data()), header.size(), whole.begin());
    for (const strata::GgufTensor& tensor : file.tensors()) {
      whole.insert(whole.end(), tensor.bytes.begin(), tensor.bytes.end());
      while (whole.size() % file.alignment() != 0) whole.push_back(std::byte{0});
    }
    const strata::Gguf again(whole, "again");
    if (again.metadata().size() != file.metadata().size() || again.tensors().size() != file.tensors().size())
      std::abort();
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
