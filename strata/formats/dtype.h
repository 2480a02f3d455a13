#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace strata {

/// Element types of the safetensors format, in the order by which its writer sorts (Rust's `Dtype`, safetensors 0.8).
enum class DType : uint8_t {
  Bool,
  F4,
  F6E2M3,
  F6E3M2,
  U8,
  I8,
  F8E5M2,
  F8E4M3,
  F8E8M0,
  F8E4M3FNUZ,
  F8E5M2FNUZ,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64
};

/// "F32", "BF16", ...: the name in a file's header.
std::string_view dtype_name(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);

/// Bits of one element; below 8 several share a byte.
int dtype_bits(DType dtype);

}  // namespace strata
