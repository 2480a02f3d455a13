#include "strata/kernels/quant_blocks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "strata/base/error.h"
#include "strata/base/threads.h"
#include "strata/kernels/half.h"

namespace strata {
namespace {

constexpr std::array kTypes{
    BlockTypeInfo{0, "F32", 1, 4, true, true},    BlockTypeInfo{1, "F16", 1, 2, true, true},
    BlockTypeInfo{2, "Q4_0", 32, 18, true, true}, BlockTypeInfo{3, "Q4_1", 32, 20, true},
    BlockTypeInfo{6, "Q5_0", 32, 22, true},       BlockTypeInfo{7, "Q5_1", 32, 24, true},
    BlockTypeInfo{8, "Q8_0", 32, 34, true, true}, BlockTypeInfo{10, "Q2_K", 256, 84},
    BlockTypeInfo{11, "Q3_K", 256, 110},          BlockTypeInfo{12, "Q4_K", 256, 144, true},
    BlockTypeInfo{13, "Q5_K", 256, 176, true},    BlockTypeInfo{14, "Q6_K", 256, 210, true},
    BlockTypeInfo{16, "IQ2_XXS", 256, 66},        BlockTypeInfo{17, "IQ2_XS", 256, 74},
    BlockTypeInfo{18, "IQ3_XXS", 256, 98},        BlockTypeInfo{19, "IQ1_S", 256, 50},
    BlockTypeInfo{20, "IQ4_NL", 32, 18},          BlockTypeInfo{21, "IQ3_S", 256, 110},
    BlockTypeInfo{22, "IQ2_S", 256, 82},          BlockTypeInfo{23, "IQ4_XS", 256, 136},
    BlockTypeInfo{24, "I8", 1, 1, true},          BlockTypeInfo{25, "I16", 1, 2, true},
    BlockTypeInfo{26, "I32", 1, 4, true},         BlockTypeInfo{27, "I64", 1, 8, true},
    BlockTypeInfo{28, "F64", 1, 8, true},         BlockTypeInfo{29, "IQ1_M", 256, 56},
    BlockTypeInfo{30, "BF16", 1, 2, true, true},  BlockTypeInfo{34, "TQ1_0", 256, 54},
    BlockTypeInfo{35, "TQ2_0", 256, 66},          BlockTypeInfo{39, "MXFP4", 32, 17},
};

template <class T>
T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

float load_half(const void* from) {
  return half_to_float(load<uint16_t>(from));
}

const uint8_t* as_uint8(const std::byte* from) {
  return reinterpret_cast<const uint8_t*>(from);
}

// ---- one block each: the readable reference --------------------------------------------------------------------------

constexpr int kSmall = 32, kLarge = 256;  // numbers in a block

bool quantise_q8_0_block(const float* x, std::byte* out) {
  float largest = 0;
  for (int i = 0; i < kSmall; ++i) {
    if (!std::isfinite(x[i])) return false;
    largest = std::max(largest, std::abs(x[i]));
  }
  const float d = largest / 127;
  float inverse = d != 0 ? 1 / d : 0;
  if (std::isinf(inverse)) inverse = 0;
  const uint16_t stored = float_to_half(d);
  if (std::isinf(half_to_float(stored))) return false;
  std::memcpy(out, &stored, 2);
  for (int i = 0; i < kSmall; ++i) out[2 + i] = static_cast<std::byte>(static_cast<int8_t>(std::round(x[i] * inverse)));
  return true;
}

bool quantise_q4_0_block(const float* x, std::byte* out) {
  float extreme = 0;
  for (int i = 0; i < kSmall; ++i) {
    if (!std::isfinite(x[i])) return false;
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  }
  const float d = extreme / -8;
  float inverse = d != 0 ? 1 / d : 0;
  if (std::isinf(inverse)) inverse = 0;
  const uint16_t stored = float_to_half(d);
  if (std::isinf(half_to_float(stored))) return false;
  std::memcpy(out, &stored, 2);
  const auto level = [inverse](float value) {
    const float scaled = value * inverse;  // on its own line: never fused with the sum
    return static_cast<uint8_t>(std::min(15, static_cast<int>(scaled + 8.5F)));
  };
  for (int j = 0; j < kSmall / 2; ++j)
    out[2 + j] = static_cast<std::byte>(level(x[j]) | (level(x[j + kSmall / 2]) << 4));
  return true;
}

void dequantise_q8_0_block(const std::byte* in, float* out) {
  const float d = load_half(in);
  for (int i = 0; i < kSmall; ++i) out[i] = d * static_cast<float>(static_cast<int8_t>(in[2 + i]));
}

void dequantise_q4_0_block(const std::byte* in, float* out) {
  const float d = load_half(in);
  const uint8_t* q = as_uint8(in) + 2;
  for (int j = 0; j < kSmall / 2; ++j) {
    out[j] = d * static_cast<float>((q[j] & 15) - 8);
    out[j + kSmall / 2] = d * static_cast<float>((q[j] >> 4) - 8);
  }
}

void dequantise_q4_1_block(const std::byte* in, float* out) {
  const float d = load_half(in), m = load_half(in + 2);
  const uint8_t* q = as_uint8(in) + 4;
  for (int j = 0; j < kSmall / 2; ++j) {
    const float low = d * static_cast<float>(q[j] & 15), high = d * static_cast<float>(q[j] >> 4);
    out[j] = low + m;
    out[j + kSmall / 2] = high + m;
  }
}

// Number i of a Q5_0 or Q5_1 block: four bits from the nibbles, the fifth from the 32 bits of `high`.
int five_bits(const uint8_t* nibbles, uint32_t high, int i) {
  const int low = i < kSmall / 2 ? nibbles[i] & 15 : nibbles[i - kSmall / 2] >> 4;
  return low | static_cast<int>((high >> i) & 1U) << 4;
}

void dequantise_q5_0_block(const std::byte* in, float* out) {
  const float d = load_half(in);
  const auto high = load<uint32_t>(in + 2);
  for (int i = 0; i < kSmall; ++i) out[i] = d * static_cast<float>(five_bits(as_uint8(in) + 6, high, i) - 16);
}

void dequantise_q5_1_block(const std::byte* in, float* out) {
  const float d = load_half(in), m = load_half(in + 2);
  const auto high = load<uint32_t>(in + 4);
  for (int i = 0; i < kSmall; ++i) {
    const float scaled = d * static_cast<float>(five_bits(as_uint8(in) + 8, high, i));
    out[i] = scaled + m;
  }
}

// Q4_K and Q5_K: eight sub-blocks of 32, x = d scale q - dmin min; in Q5_K bit j of qh[l] is the fifth of sub-block j.
void dequantise_k_block(const std::byte* in, const uint8_t* high, const uint8_t* nibbles, float* out) {
  const float d = load_half(in), dmin = load_half(in + 2);
  for (int j = 0; j < 8; ++j) {
    const ScaleMin packed = scale_min_of(as_uint8(in) + 4, j);
    const float scale = d * packed.scale, min = dmin * packed.min;
    for (int l = 0; l < 32; ++l) {
      const uint8_t pair = nibbles[32 * (j / 2) + l];
      int q = j % 2 == 0 ? pair & 15 : pair >> 4;
      if (high) q |= ((high[l] >> j) & 1) << 4;
      const float scaled = scale * static_cast<float>(q);
      out[32 * j + l] = scaled - min;
    }
  }
}

void dequantise_q4_k_block(const std::byte* in, float* out) {
  dequantise_k_block(in, nullptr, as_uint8(in) + 16, out);
}

void dequantise_q5_k_block(const std::byte* in, float* out) {
  dequantise_k_block(in, as_uint8(in) + 16, as_uint8(in) + 48, out);
}

// Value 128 h + 32 r + l: four low bits in ql[64 h + 32 (r mod 2) + l], two high ones in qh[32 h + l].
void dequantise_q6_k_block(const std::byte* in, float* out) {
  const uint8_t* ql = as_uint8(in);
  const uint8_t* qh = ql + 128;
  const auto* scales = reinterpret_cast<const int8_t*>(in + 192);
  const float d = load_half(in + 208);
  for (int y = 0; y < kLarge; ++y) {
    const int h = y / 128, r = y / 32 % 4, l = y % 32;
    const int low = (ql[64 * h + 32 * (r % 2) + l] >> (4 * (r / 2))) & 15;
    const int high = (qh[32 * h + l] >> (2 * r)) & 3;
    const float scale = d * scales[y / 16];
    out[y] = scale * static_cast<float>((low | high << 4) - 32);
  }
}

// ---- loops over blocks -----------------------------------------------------------------------------------------------

template <auto Block, int Values, int Bytes>
void dequantise_blocks(const std::byte* in, float* out, int64_t blocks) {
  for (int64_t i = 0; i < blocks; ++i) Block(in + i * Bytes, out + i * Values);
}

template <auto Block, int Bytes>
int64_t quantise_blocks(const float* in, std::byte* out, int64_t blocks) {
  for (int64_t i = 0; i < blocks; ++i)
    if (!Block(in + i * kSmall, out + i * Bytes)) return i;
  return -1;
}

// Numbers that stand alone: each is read or written by `convert`.
template <class Stored, auto Convert>
void widen(const std::byte* in, float* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] = Convert(load<Stored>(in + i * static_cast<int64_t>(sizeof(Stored))));
}
template <class Stored, auto Convert>
void narrow(const float* in, std::byte* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const Stored value = Convert(in[i]);
    std::memcpy(out + i * static_cast<int64_t>(sizeof(Stored)), &value, sizeof value);
  }
}
template <class T>
float to_float(T value) {
  return static_cast<float>(value);
}

constexpr std::array kLevels{&kQuantBlocksReference, &kQuantBlocksAvx2, &kQuantBlocksAvx512};

using Dequantise = void (*)(const std::byte* in, float* out, int64_t blocks);

Dequantise dequantise_loop(BlockType type) {
  const QuantBlocksLevel& level = pick_level(kLevels);
  switch (type) {
    case BlockType::F32:
      return widen<float, to_float<float>>;
    case BlockType::F16:
      return level.dequantise_f16;
    case BlockType::BF16:
      return widen<uint16_t, bfloat16_to_float>;
    case BlockType::Q8_0:
      return level.dequantise_q8_0;
    case BlockType::Q4_0:
      return level.dequantise_q4_0;
    case BlockType::Q4_1:
      return dequantise_blocks<dequantise_q4_1_block, kSmall, 20>;
    case BlockType::Q5_0:
      return dequantise_blocks<dequantise_q5_0_block, kSmall, 22>;
    case BlockType::Q5_1:
      return dequantise_blocks<dequantise_q5_1_block, kSmall, 24>;
    case BlockType::Q4_K:
      return level.dequantise_q4_k;
    case BlockType::Q5_K:
      return dequantise_blocks<dequantise_q5_k_block, kLarge, 176>;
    case BlockType::Q6_K:
      return level.dequantise_q6_k;
    case BlockType::I8:
      return widen<int8_t, to_float<int8_t>>;
    case BlockType::I16:
      return widen<int16_t, to_float<int16_t>>;
    case BlockType::I32:
      return widen<int32_t, to_float<int32_t>>;
    case BlockType::I64:
      return widen<int64_t, to_float<int64_t>>;
    case BlockType::F64:
      return widen<double, to_float<double>>;
  }
  const BlockTypeInfo& info = block_type_info(type);
  fail("dequantise: blocks of type ", info.name, " cannot be read; convert the file to Q8_0, Q4_K or F16 first");
}

constexpr int64_t kGrain = 16384;  // numbers in one piece of work, a whole number of every block

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return result;
}

}  // namespace

const QuantBlocksLevel kQuantBlocksReference{
    .isa = Isa::reference,
    .quantise_q8_0 = quantise_blocks<quantise_q8_0_block, 34>,
    .quantise_f16 = narrow<uint16_t, float_to_half>,
    .dequantise_f16 = widen<uint16_t, half_to_float>,
    .dequantise_q8_0 = dequantise_blocks<dequantise_q8_0_block, kSmall, 34>,
    .dequantise_q4_0 = dequantise_blocks<dequantise_q4_0_block, kSmall, 18>,
    .dequantise_q4_k = dequantise_blocks<dequantise_q4_k_block, kLarge, 144>,
    .dequantise_q6_k = dequantise_blocks<dequantise_q6_k_block, kLarge, 210>,
};

std::span<const BlockTypeInfo> block_types() {
  return kTypes;
}

const BlockTypeInfo* find_block_type(uint32_t id) {
  for (const BlockTypeInfo& info : kTypes)
    if (info.id == id) return &info;
  return nullptr;
}

const BlockTypeInfo& block_type_info(BlockType type) {
  if (const BlockTypeInfo* info = find_block_type(static_cast<uint32_t>(type))) return *info;
  fail("block type: no type has the id ", static_cast<int>(type));
}

std::optional<BlockType> parse_block_type(std::string_view name) {
  for (const BlockTypeInfo& info : kTypes)
    if (lower(info.name) == lower(name)) return static_cast<BlockType>(info.id);
  return std::nullopt;
}

int64_t block_bytes(BlockType type, int64_t count) {
  const BlockTypeInfo& info = block_type_info(type);
  int64_t bytes = 0;
  if (count < 0 || count % info.values != 0)
    fail(info.name, ": expected whole blocks of ", info.values, " numbers, got ", count);
  if (__builtin_mul_overflow(count / info.values, info.bytes, &bytes))
    fail(info.name, ": expected a size that fits 64 bits, got ", count, " numbers");
  return bytes;
}

void dequantise(BlockType type, const std::byte* in, float* out, int64_t count) {
  const Dequantise loop = dequantise_loop(type);
  const BlockTypeInfo& info = block_type_info(type);
  (void)block_bytes(type, count);
  const int64_t grain = kGrain / info.values;
  parallel_for(count / info.values, grain, [&](int64_t begin, int64_t end, int) {
    loop(in + begin * info.bytes, out + begin * info.values, end - begin);
  });
}

void quantise(BlockType type, const float* in, std::byte* out, int64_t count) {
  const QuantBlocksLevel& level = pick_level(kLevels);
  const BlockTypeInfo& info = block_type_info(type);
  if (!info.write) fail("quantise: expected type F32, F16, BF16, Q8_0 or Q4_0, got ", info.name);
  (void)block_bytes(type, count);
  const int64_t grain = kGrain / info.values;
  parallel_for(count / info.values, grain, [&](int64_t begin, int64_t end, int) {
    const float* from = in + begin * info.values;
    std::byte* to = out + begin * info.bytes;
    const int64_t blocks = end - begin;
    int64_t bad = -1;
    switch (type) {
      case BlockType::F16:
        return level.quantise_f16(from, to, blocks);
      case BlockType::BF16:
        return narrow<uint16_t, float_to_bfloat16>(from, to, blocks);
      case BlockType::Q8_0:
        bad = level.quantise_q8_0(from, to, blocks);
        break;
      case BlockType::Q4_0:
        bad = quantise_blocks<quantise_q4_0_block, 18>(from, to, blocks);
        break;
      default:
        if (blocks > 0) std::memcpy(to, from, static_cast<size_t>(blocks) * sizeof(float));
    }
    if (bad >= 0)
      fail("quantise: ", info.name, " holds finite numbers whose scale fits 16 bits, found others among numbers ",
           (begin + bad) * info.values, " to ", (begin + bad + 1) * info.values - 1, "; choose F32");
  });
}

}  // namespace strata
