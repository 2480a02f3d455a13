#include "strata/kernels/fma_peak.h"

#include <gmock/gmock.h>

#include <chrono>

#include "tests/kernels/kernel_test.h"

namespace strata {
namespace {

// A loop that the compiler took away, or chains that it merged into one, would beat what any processor can do: four
// vectors of sixteen a cycle at 6 GHz.
TEST(FmaPeak, EveryLevelDoesWhatItCounts) {
  test::for_each_level([] {
    constexpr double impossible = 4 * 16 * 2 * 6e9;
    constexpr int64_t rounds = 1 << 18;
    const double one = multiply_adds(1);
    EXPECT_GT(one, 0);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(multiply_adds(rounds), one * rounds);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_LT(one * rounds / seconds, impossible);
  });
}

}  // namespace
}  // namespace strata
