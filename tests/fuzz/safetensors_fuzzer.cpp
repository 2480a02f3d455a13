// Parser: strata/formats/safetensors.cpp
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "strata/base/error.h"
#include "strata/formats/safetensors.h"
#include "tests/fuzz/expect_refused.h"

namespace {

void read_and_check(std::span<const std::byte> bytes, const strata::SafetensorsOptions& options) {
  const strata::Safetensors file(bytes, "input", options);
  size_t read = 0;
  for (const strata::TensorView& tensor : file.tensors()) {
    if (&file.at(tensor.name) != &tensor) std::abort();
    if (strata::tensor_bytes("input", tensor.dtype, tensor.shape) != tensor.bytes.size()) std::abort();
    for (const std::byte value : tensor.bytes) read += 1 + (static_cast<size_t>(value) >> 8);
  }
  if (file.tensors().empty()) strata::expect_refused([&] { return file.at("t").bytes.size(); });
  const strata::SafetensorsLayout layout = strata::layout_safetensors("input", file.tensors(), file.metadata());
  if (read > bytes.size() || layout.order.size() != file.tensors().size() || layout.header.size() % 8 != 0)
    std::abort();
}

// What cannot be written.
bool refuses_bad_parts() {
  const std::vector<std::byte> four(4);
  const auto layout = [&](const std::vector<strata::TensorView>& tensors) {
    strata::expect_refused([&] { return strata::layout_safetensors("bad", tensors, {}); });
  };
  const strata::TensorView good{"t", strata::DType::F32, {1}, four};
  layout({good, good});
  layout({{"\xff", strata::DType::F32, {1}, four}});
  layout({{"__metadata__", strata::DType::F32, {1}, four}});
  layout({{"t", strata::DType::F32, {2}, four}});
  layout({{"t", strata::DType::F32, {-1}, four}});
  const std::string long_text(100'000'001, 'x');  // a header's most and one more
  strata::expect_refused([&] { return strata::layout_safetensors("bad", {}, {{"key", long_text}}); });
  return true;
}

}  // namespace

// Any bytes are either refused by an Error or give tensors that tile the data, can be looked up and can be laid out
// again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool checked = refuses_bad_parts();
  (void)checked;
  for (const bool skip : {false, true}) {
    try {
      read_and_check(std::as_bytes(std::span(data, size)), {.skip_unknown_dtypes = skip});
    } catch (const strata::Error&) {  // refused: as good an answer as any
      continue;
    }
  }
  return 0;
}
