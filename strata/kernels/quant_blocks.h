#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "strata/kernels/isa.h"

namespace strata {

/// How GGUF files store numbers, by their ids there: plain types, and blocks of 32 or 256 numbers that share scales.
enum class BlockType : uint8_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  I8 = 24,
  I16 = 25,
  I32 = 26,
  I64 = 27,
  F64 = 28,
  BF16 = 30,
};

/// Size of a type's block, and what this version does with it; types it can only measure are listed too.
struct BlockTypeInfo {
  uint8_t id;
  std::string_view name;  // as GGUF spells it: "Q4_K"
  int64_t values;         // in one block; rows of a tensor hold whole blocks
  int64_t bytes;          // of one block
  bool read = false;      // dequantise() takes it
  bool write = false;     // quantise() makes it
};
std::span<const BlockTypeInfo> block_types();
/// nullptr for ids that are unknown or that GGUF has removed.
const BlockTypeInfo* find_block_type(uint32_t id);
const BlockTypeInfo& block_type_info(BlockType type);
/// "q8_0", in any case, to the type; nothing when unknown.
std::optional<BlockType> parse_block_type(std::string_view name);

/// Bytes that `count` numbers of a type take; throws Error when they are no whole number of blocks.
int64_t block_bytes(BlockType type, int64_t count);

/// `count` numbers stored as `type` to float32, in float32 arithmetic on widened scales as ggml does it: the same bits
/// at every level and thread count. I8 to I64 and F64 are converted. Throws Error for a type that is not read or a
/// count that is no whole number of blocks.
void dequantise(BlockType type, const std::byte* in, float* out, int64_t count);

/// float32 to F32, F16, BF16 (ties to even), Q8_0 (d = amax / 127, q = x / d rounded half away from zero) or Q4_0
/// (d = the number of largest magnitude / -8, q = x / d + 8 rounded half up, at most 15); the formulas of ggml's
/// reference quantisers, bit for bit. Blocks so small that 1 / d overflows become zeros, as their d does in 16 bits.
/// Throws Error for other types, and for numbers that Q8_0 or Q4_0 cannot hold: infinities, NaN, a d beyond 65504.
void quantise(BlockType type, const float* in, std::byte* out, int64_t count);

/// One level's loops over whole blocks. quantise_q8_0 returns the first block it cannot hold, or -1.
struct QuantBlocksLevel {
  Isa isa;
  int64_t (*quantise_q8_0)(const float* in, std::byte* out, int64_t blocks);
  void (*quantise_f16)(const float* in, std::byte* out, int64_t count);
  void (*dequantise_f16)(const std::byte* in, float* out, int64_t count);
  void (*dequantise_q8_0)(const std::byte* in, float* out, int64_t blocks);
  void (*dequantise_q4_0)(const std::byte* in, float* out, int64_t blocks);
  void (*dequantise_q4_k)(const std::byte* in, float* out, int64_t blocks);
  void (*dequantise_q6_k)(const std::byte* in, float* out, int64_t blocks);
};
extern const QuantBlocksLevel kQuantBlocksReference, kQuantBlocksAvx2, kQuantBlocksAvx512;

/// Scale and minimum of sub-block j (0 to 7) from the twelve bytes of 6-bit numbers in a Q4_K or Q5_K block. Always
/// inlined: files of several levels use it, and the linker must not merge their code.
struct ScaleMin {
  uint8_t scale, min;
};
__attribute__((always_inline)) constexpr ScaleMin scale_min_of(const uint8_t* packed, int j) {
  if (j < 4) return {static_cast<uint8_t>(packed[j] & 63U), static_cast<uint8_t>(packed[j + 4] & 63U)};
  return {static_cast<uint8_t>((packed[j + 4] & 15U) | ((packed[j - 4] >> 6U) << 4U)),
          static_cast<uint8_t>((packed[j + 4] >> 4U) | ((packed[j] >> 6U) << 4U))};
}

}  // namespace strata
