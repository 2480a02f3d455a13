#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>

#include "strata/formats/safetensors_index.h"

namespace strata {

using at::Tensor;
using NamedTensors = std::map<std::string, Tensor>;

/// A copy of a view into a safetensors file as a tensor of the same type and shape, on the CPU. Throws Error for types
/// LibTorch has no tensors of.
Tensor to_tensor(const TensorView& view);
/// The same without a copy: the tensor looks at the view's bytes and shares `owner`, which must keep them, writable
/// (MapMode::private_copy), for as long as it lives. Bytes that the type may not lie at are copied after all.
Tensor map_tensor(const TensorView& view, std::shared_ptr<const void> owner);
/// A tensor as safetensors sees it; `tensor` must be contiguous, on the CPU, and outlive the view. Throws Error for
/// types the format does not have.
TensorView to_view(const std::string& name, const Tensor& tensor);
/// LibTorch's name of a type in a safetensors file. Throws Error, starting with `who`, when there is none.
at::ScalarType scalar_type(DType dtype, const std::string& who);

/// All tensors of a safetensors file, copied into memory. Throws Error naming the file when it is missing or malformed.
NamedTensors load_tensors(const std::string& path);
/// The same mapped instead of copied: opening takes milliseconds, pages are read when they are first touched, and
/// writing to a tensor changes this process's copy of the page, never the file. Replacing the file by a rename is safe;
/// cutting it off while it is mapped kills the process at the next touch, as with every mapped file.
NamedTensors map_tensors(const std::string& path);
/// A checkpoint whose tensors map_tensor may look at: `map_tensor(*checkpoint->find(name), checkpoint)`.
std::shared_ptr<const CheckpointTensors> open_mapped_checkpoint(const std::string& folder);
/// Writes a safetensors file, whole or not at all.
void save_tensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata = {{"format", "pt"}});

}  // namespace strata
