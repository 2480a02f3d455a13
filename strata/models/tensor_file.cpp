#include "strata/models/tensor_file.h"

#include <ATen/ATen.h>

#include <array>
#include <cstring>
#include <utility>

#include "strata/base/error.h"

namespace strata {
namespace {

constexpr std::array kTypes{
    std::pair{DType::Bool, at::kBool},
    std::pair{DType::U8, at::kByte},
    std::pair{DType::I8, at::kChar},
    std::pair{DType::F8E5M2, at::kFloat8_e5m2},
    std::pair{DType::F8E4M3, at::kFloat8_e4m3fn},
    std::pair{DType::I16, at::kShort},
    std::pair{DType::U16, at::kUInt16},
    std::pair{DType::F16, at::kHalf},
    std::pair{DType::BF16, at::kBFloat16},
    std::pair{DType::I32, at::kInt},
    std::pair{DType::U32, at::kUInt32},
    std::pair{DType::F32, at::kFloat},
    std::pair{DType::C64, at::kComplexFloat},
    std::pair{DType::F64, at::kDouble},
    std::pair{DType::I64, at::kLong},
    std::pair{DType::U64, at::kUInt64},
};

}  // namespace

at::ScalarType scalar_type(DType dtype, const std::string& who) {
  for (const auto& [ours, theirs] : kTypes)
    if (ours == dtype) return theirs;
  fail(who, ": LibTorch has no tensors of type ", dtype_name(dtype));
}

Tensor to_tensor(const TensorView& view) {
  Tensor tensor = at::empty(view.shape, scalar_type(view.dtype, "tensor '" + view.name + "'"));
  if (tensor.nbytes() != view.bytes.size())
    fail("tensor '", view.name, "': expected ", tensor.nbytes(), " bytes for its shape and type, found ",
         view.bytes.size());
  if (!view.bytes.empty()) std::memcpy(tensor.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
  return tensor;
}

Tensor map_tensor(const TensorView& view, std::shared_ptr<const void> owner) {
  const at::ScalarType type = scalar_type(view.dtype, "tensor '" + view.name + "'");
  const auto place = reinterpret_cast<uintptr_t>(view.bytes.data());
  if (view.bytes.empty() || place % at::elementSize(type) != 0) return to_tensor(view);
  if (const uint64_t needed = tensor_bytes("tensor '" + view.name + "'", view.dtype, view.shape);
      needed != view.bytes.size())
    fail("tensor '", view.name, "': expected ", needed, " bytes for its shape and type, found ", view.bytes.size());
  return at::from_blob(
      const_cast<std::byte*>(view.bytes.data()), view.shape,
      [owner = std::move(owner)](void*) mutable { owner.reset(); }, at::TensorOptions(type));
}

TensorView to_view(const std::string& name, const Tensor& tensor) {
  if (!tensor.is_contiguous() || !tensor.is_cpu())
    fail("tensor '", name, "': expected it contiguous and on the CPU to be written");
  for (const auto& [ours, theirs] : kTypes)
    if (theirs == tensor.scalar_type())
      return {
          name, ours, tensor.sizes().vec(), {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}};
  fail("tensor '", name, "': safetensors files cannot hold ", c10::toString(tensor.scalar_type()));
}

NamedTensors load_tensors(const std::string& path) {
  const Safetensors file(path);
  NamedTensors tensors;
  for (const auto& view : file.tensors()) tensors.emplace(view.name, to_tensor(view));
  return tensors;
}

NamedTensors map_tensors(const std::string& path) {
  const auto file = std::make_shared<const Safetensors>(path, SafetensorsOptions{.map = MapMode::private_copy});
  NamedTensors tensors;
  for (const auto& view : file->tensors()) tensors.emplace(view.name, map_tensor(view, file));
  return tensors;
}

std::shared_ptr<const CheckpointTensors> open_mapped_checkpoint(const std::string& folder) {
  return std::make_shared<const CheckpointTensors>(open_checkpoint_tensors(folder, {.map = MapMode::private_copy}));
}

void save_tensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata) {
  NamedTensors kept;  // owns what the views look at
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    const auto entry = kept.emplace(name, tensor.detach().cpu().contiguous()).first;
    views.push_back(to_view(name, entry->second));
  }
  write_safetensors(path, views, metadata);
}

}  // namespace strata
