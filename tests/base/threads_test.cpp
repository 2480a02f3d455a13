#include "strata/base/threads.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(Threads, FollowsAnotherCountUntilSet) {
  follow_threads(nullptr);
  EXPECT_EQ(threads(), 1);
  follow_threads([] { return 3; });
  EXPECT_EQ(threads(), 3);
  int ranges = 0;
  parallel_for(1, 1, [&](int64_t, int64_t, int) { ++ranges; });
  EXPECT_EQ(ranges, 1);
  set_threads(2);
  EXPECT_EQ(threads(), 2);
  set_threads(1);
}

}  // namespace
}  // namespace strata
