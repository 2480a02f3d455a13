#include "strata/data/prefetch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

namespace strata {
namespace {

using namespace std::chrono_literals;

TEST(Prefetch, KeepsTheOrderWhoeverIsFaster) {
  for (const int threads : {0, 1, 2, 5}) {
    Prefetch<int64_t> numbers(
        [](int64_t i) {
          if (i % 3 == 0) std::this_thread::sleep_for(2ms);
          return i * i;
        },
        7, threads);
    for (int64_t i = 7; i < 40; ++i) ASSERT_EQ(numbers.next(), i * i) << threads;
  }
}

TEST(Prefetch, MakesNoMoreAheadThanItSays) {
  std::atomic<int64_t> made = 0;
  Prefetch<int64_t> numbers([&](int64_t i) { return ++made, i; }, 0, 2);
  for (int64_t i = 0; i < 10; ++i) {
    std::this_thread::sleep_for(3ms);
    EXPECT_LE(made, i + 3);
    (void)numbers.next();
  }
}

TEST(Prefetch, ExceptionsReachWhoeverAsks) {
  for (const int threads : {0, 1, 3}) {
    Prefetch<int64_t> numbers([](int64_t i) { return i == 4 ? throw std::runtime_error("four") : i; }, 0, threads);
    for (int64_t i = 0; i < 4; ++i) ASSERT_EQ(numbers.next(), i);
    EXPECT_THROW(numbers.next(), std::runtime_error);
    EXPECT_THROW(numbers.next(), std::runtime_error);
  }
}

TEST(Prefetch, StopsWhileWorkersAreBusyOrWaiting) {
  std::atomic<int> running = 0;
  {
    Prefetch<int64_t> busy(
        [&](int64_t i) {
          ++running, std::this_thread::sleep_for(20ms), --running;
          return i;
        },
        0, 3);
    (void)busy.next();
  }
  EXPECT_EQ(running, 0);
  const Prefetch<int64_t> full([](int64_t i) { return i; }, 0, 2);
  std::this_thread::sleep_for(5ms);
}

}  // namespace
}  // namespace strata
