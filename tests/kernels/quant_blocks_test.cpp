#include "strata/kernels/quant_blocks.h"

#include <gmock/gmock.h>

#include <bit>
#include <cstring>
#include <limits>

#include "strata/formats/safetensors.h"
#include "strata/kernels/half.h"
#include "tests/kernels/kernel_test.h"
#include "tests/message_of.h"

namespace strata {
namespace {

using test::Floats;
using test::for_each_level;
using test::normals;

const Safetensors& golden() {
  static const Safetensors file("tests/golden/quant_blocks.safetensors");
  return file;
}

Floats floats_of(const std::string& name) {
  const TensorView& tensor = golden().at(name);
  Floats values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

// Bits, since -0 and 0 and NaN shall be told apart.
std::vector<uint32_t> bits_of(const Floats& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

std::vector<std::byte> quantised(BlockType type, const Floats& values) {
  std::vector<std::byte> blocks(block_bytes(type, std::ssize(values)));
  quantise(type, values.data(), blocks.data(), std::ssize(values));
  return blocks;
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += "0123456789abcdef"[static_cast<int>(byte) >> 4];
    text += "0123456789abcdef"[static_cast<int>(byte) & 15];
  }
  return text;
}

TEST(QuantBlocks, ReadsWhatTheReferenceReads) {
  for_each_level([] {
    for (const char* name : {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "F16", "BF16"}) {
      SCOPED_TRACE(name);
      const Floats want = floats_of(std::string("read.") + name + ".values");
      Floats got(want.size());
      dequantise(*parse_block_type(name), golden().at(std::string("read.") + name + ".blocks").bytes.data(), got.data(),
                 std::ssize(got));
      EXPECT_EQ(bits_of(got), bits_of(want));
    }
  });
}

TEST(QuantBlocks, WritesWhatTheReferenceWrites) {
  for_each_level([] {
    const Floats values = floats_of("write.values");
    for (const char* name : {"F16", "BF16", "Q8_0", "Q4_0"}) {
      SCOPED_TRACE(name);
      EXPECT_EQ(hex(quantised(*parse_block_type(name), values)),
                hex(golden().at(std::string("write.") + name + ".blocks").bytes));
    }
    for (const char* name : {"F16", "BF16"}) {
      SCOPED_TRACE(name);
      EXPECT_EQ(hex(quantised(*parse_block_type(name), floats_of("special.values"))),
                hex(golden().at(std::string("special.") + name + ".blocks").bytes));
    }
  });
}

TEST(QuantBlocks, PublishedBlocks) {
  Floats ramp(32);
  for (int i = 0; i < 32; ++i) ramp[i] = static_cast<float>(i - 16);
  EXPECT_EQ(hex(quantised(BlockType::Q8_0, ramp)),
            "083081899199a1a9b1b9c0c8d0d8e0e8f0f8000810182028303840474f575f676f77");
  EXPECT_EQ(hex(quantised(BlockType::Q4_0, ramp)), "0040809191a2a2b3b3c4c4d5d5e6e6f7f7f8");
}

TEST(QuantBlocks, LevelsAgreeBitForBit) {
  const Isa before = active_isa();
  Floats values = normals(3, 32 * 4001);
  for (size_t i = 0; i < values.size(); ++i) values[i] *= std::pow(10.0F, static_cast<float>(i / 32 % 18) - 12);
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    for (const BlockType type : {BlockType::Q8_0, BlockType::F16}) {
      set_isa(Isa::reference);
      const auto want = quantised(type, values);
      Floats wide(values.size()), again(values.size());
      dequantise(type, want.data(), wide.data(), std::ssize(wide));
      set_isa(isa);
      EXPECT_TRUE(quantised(type, values) == want);
      dequantise(type, want.data(), again.data(), std::ssize(again));
      EXPECT_TRUE(bits_of(again) == bits_of(wide));
    }
  }
  set_isa(before);
}

TEST(QuantBlocks, QuantisingWhatWasReadChangesNothing) {
  for_each_level([] {
    for (const BlockType type : {BlockType::F16, BlockType::BF16, BlockType::Q4_0}) {
      const auto blocks = quantised(type, normals(9, 32 * 50));
      Floats values(32 * 50);
      dequantise(type, blocks.data(), values.data(), std::ssize(values));
      EXPECT_EQ(hex(quantised(type, values)), hex(blocks)) << block_type_info(type).name;
    }
  });
}

TEST(QuantBlocks, ErrorIsAtMostHalfAStep) {
  for_each_level([] {
    const Floats values = normals(4, 32 * 100, 0.02F);
    const auto blocks = quantised(BlockType::Q8_0, values);
    Floats got(values.size());
    dequantise(BlockType::Q8_0, blocks.data(), got.data(), std::ssize(got));
    for (size_t block = 0; block < 100; ++block) {
      float largest = 0;
      for (size_t i = 0; i < 32; ++i) largest = std::max(largest, std::abs(values[block * 32 + i]));
      // half a step, and what 11 bits of scale take
      for (size_t i = block * 32; i < block * 32 + 32; ++i)
        ASSERT_LE(std::abs(values[i] - got[i]), largest * (0.5F / 127 + 0x1p-11F)) << i;
    }
  });
}

TEST(QuantBlocks, EveryHalf) {
  for_each_level([] {
    std::vector<std::byte> halves(2 << 16);
    for (uint32_t i = 0; i < 1U << 16; ++i) {
      const auto half = static_cast<uint16_t>(i);
      std::memcpy(halves.data() + 2 * i, &half, 2);
    }
    Floats values(1 << 16);
    dequantise(BlockType::F16, halves.data(), values.data(), 1 << 16);
    std::vector<std::byte> again(halves.size());
    quantise(BlockType::F16, values.data(), again.data(), 1 << 16);
    for (uint32_t i = 0; i < 1U << 16; ++i) {
      uint16_t got = 0;
      std::memcpy(&got, again.data() + 2 * i, 2);
      const bool nan = (i & 0x7fff) > 0x7c00;
      ASSERT_EQ(got, nan ? i | 0x200 : i);  // NaNs become quiet
      ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(half_to_float(static_cast<uint16_t>(i))));
    }
  });
}

TEST(QuantBlocks, NumbersThatBlocksCannotHold) {
  for_each_level([] {
    for (const BlockType type : {BlockType::Q8_0, BlockType::Q4_0})
      for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                              std::numeric_limits<float>::quiet_NaN(), 1e20F}) {
        Floats values = normals(1, 96);
        values[40] = bad;
        EXPECT_THAT(message_of([&] { quantised(type, values); }),
                    testing::HasSubstr("found others among numbers 32 to 63; choose F32"));
      }
    Floats tiny(32, 1e-45F);  // 1 / d is infinite
    for (const BlockType type : {BlockType::Q8_0, BlockType::Q4_0}) {
      Floats got(32, 1.0F);
      const auto blocks = quantised(type, tiny);
      dequantise(type, blocks.data(), got.data(), 32);
      for (const float value : got) EXPECT_EQ(value, 0);
    }
  });
}

TEST(QuantBlocks, PlainNumbers) {
  const int64_t big = (int64_t{1} << 40) + 1;
  const double third = 1.0 / 3;
  const int8_t small = -7;
  float value = 0;
  dequantise(BlockType::I64, reinterpret_cast<const std::byte*>(&big), &value, 1);
  EXPECT_EQ(value, 0x1p40F);
  dequantise(BlockType::F64, reinterpret_cast<const std::byte*>(&third), &value, 1);
  EXPECT_EQ(value, 1.0F / 3);
  dequantise(BlockType::I8, reinterpret_cast<const std::byte*>(&small), &value, 1);
  EXPECT_EQ(value, -7);
}

TEST(QuantBlocks, Refusals) {
  Floats values(33);
  std::vector<std::byte> blocks(256);
  EXPECT_EQ(message_of([&] { block_bytes(BlockType::Q8_0, 33); }), "Q8_0: expected whole blocks of 32 numbers, got 33");
  EXPECT_THAT(message_of([&] { block_bytes(BlockType::F64, std::numeric_limits<int64_t>::max()); }),
              testing::HasSubstr("fits 64 bits"));
  EXPECT_THAT(message_of([&] { quantise(BlockType::Q4_K, values.data(), blocks.data(), 0); }),
              testing::HasSubstr("expected type F32, F16, BF16, Q8_0 or Q4_0, got Q4_K"));
  EXPECT_THAT(message_of([&] { dequantise(static_cast<BlockType>(10), blocks.data(), values.data(), 0); }),
              testing::HasSubstr("blocks of type Q2_K cannot be read"));
  EXPECT_THAT(message_of([&] { block_type_info(static_cast<BlockType>(4)); }),
              testing::HasSubstr("no type has the id 4"));
  EXPECT_FALSE(parse_block_type("q9_9"));
  EXPECT_EQ(parse_block_type("q4_k"), BlockType::Q4_K);
}

}  // namespace
}  // namespace strata
