#include "strata/base/random.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

// Known answers published with Random123 1.x (kat_vectors, philox 4x32 10).
TEST(Random, PhiloxKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, ForksAreIndependentOfPosition) {
  Random a(7);
  const uint64_t before = a.fork(3).next64();
  for (int i = 0; i < 5; ++i) a.next32();
  EXPECT_EQ(a.fork(3).next64(), before);
  EXPECT_NE(a.fork(4).next64(), before);
}

TEST(Random, BelowIsUniform) {
  Random random(1);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts[random.below(7)];
  double chi = 0;
  for (const int count : counts) chi += (count - 10000.0) * (count - 10000.0) / 10000.0;
  EXPECT_LT(chi, 22.5);  // 6 degrees of freedom, p > 0.001
}

}  // namespace
}  // namespace strata
