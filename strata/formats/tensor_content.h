#pragma once

#include <cstddef>
#include <functional>

#include "strata/base/file.h"

namespace strata {

/// Hands the bytes of tensor `index` of a list to `sink`, in one piece or several: files are written of tensors that
/// are made one by one and never in memory together.
using TensorContent = std::function<void(size_t index, const ByteSink& sink)>;

/// Calls it, and throws Error, starting with `who`, when it hands out another number of bytes than `size`.
void hand_out(const std::string& who, const TensorContent& content, size_t index, uint64_t size, const ByteSink& sink);

}  // namespace strata
