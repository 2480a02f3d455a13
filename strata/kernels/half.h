#pragma once

#include <bit>
#include <cstdint>

namespace strata {

/// The float32 of the same value as an IEEE binary16; a NaN becomes quiet and keeps its payload.
inline float half_to_float(uint16_t half) {
  const uint32_t sign = (half & 0x8000U) << 16;
  const uint32_t rest = half & 0x7fffU;
  if (rest > 0x7c00U) return std::bit_cast<float>(sign | 0x7fc00000U | (rest << 13));
  if (rest == 0x7c00U) return std::bit_cast<float>(sign | 0x7f800000U);
  // The bits moved into place are the value times 2^-112, subnormals included; the product is exact.
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(std::bit_cast<float>(rest << 13) * 0x1p112F));
}

/// The nearest binary16, ties to even, infinity from 65520 on; a NaN becomes quiet and keeps the head of its payload.
inline uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000U);
  const uint32_t rest = bits & 0x7fffffffU;
  if (rest > 0x7f800000U) return static_cast<uint16_t>(sign | 0x7e00U | ((rest >> 13) & 0x3ffU));
  if (rest >= 0x477ff000U) return static_cast<uint16_t>(sign | 0x7c00U);  // 65520
  if (rest < 0x38800000U) {  // below 2^-14: adding 1/2 leaves a multiple of 2^-24 in the last bits, rounded by the sum
    const float sum = std::bit_cast<float>(rest) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - 0x3f000000U));
  }
  const uint32_t odd = (rest >> 13) & 1U;
  return static_cast<uint16_t>(sign | ((rest - 0x38000000U + 0xfffU + odd) >> 13));
}

inline float bfloat16_to_float(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

/// The nearest bfloat16, ties to even; a NaN becomes quiet and keeps the head of its payload.
inline uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<uint16_t>((bits >> 16) | 0x40U);
  return static_cast<uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

}  // namespace strata
