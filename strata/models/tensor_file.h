#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "strata/formats/safetensors.h"

namespace strata {

using at::Tensor;
using NamedTensors = std::map<std::string, Tensor>;

/// A copy of a view into a safetensors file as a tensor of the same type and shape, on the CPU. Throws Error for types
/// LibTorch has no tensors of.
Tensor to_tensor(const TensorView& view);
/// A tensor as safetensors sees it; `tensor` must be contiguous, on the CPU, and outlive the view. Throws Error for
/// types the format does not have.
TensorView to_view(const std::string& name, const Tensor& tensor);
/// LibTorch's name of a type in a safetensors file. Throws Error, starting with `who`, when there is none.
at::ScalarType scalar_type(DType dtype, const std::string& who);

/// All tensors of a safetensors file, copied into memory. Throws Error naming the file when it is missing or malformed.
NamedTensors load_tensors(const std::string& path);
/// Writes a safetensors file, whole or not at all.
void save_tensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata = {{"format", "pt"}});

}  // namespace strata
