#include "strata/base/block_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "strata/base/error.h"

namespace strata {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

TEST(BlockPool, KeepsWhatIsFreed) {
  BlockPool pool;
  void* const first = pool.allocate(192 * kMiB);
  std::memset(first, 1, 192 * kMiB);
  pool.release(first);
  EXPECT_EQ(pool.statistics().idle, 192 * kMiB);
  EXPECT_EQ(pool.allocate(192 * kMiB), first);
  EXPECT_EQ(pool.statistics().reused, 1);
  pool.release(first);
  pool.trim();
  EXPECT_EQ(pool.statistics().idle, 0U);
}

TEST(BlockPool, ServesSizesUpToAnEighthSmaller) {
  BlockPool pool;
  void* const block = pool.allocate(18 * kMiB);
  pool.release(block);
  EXPECT_NE(pool.allocate(15 * kMiB), block);
  void* const again = pool.allocate(16 * kMiB);
  EXPECT_EQ(again, block);
  EXPECT_NE(pool.allocate(16 * kMiB), block);
}

TEST(BlockPool, HoldsLittleMoreThanWasEverInUse) {
  BlockPool pool;
  std::mt19937 random(7);
  std::vector<void*> blocks;
  size_t most = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    if (blocks.empty() || random() % 2 == 0) {
      blocks.push_back(pool.allocate(kMiB + random() % (64 * kMiB)));
    } else {
      const size_t chosen = random() % blocks.size();
      pool.release(blocks[chosen]);
      blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(chosen));
    }
    const BlockPool::Statistics now = pool.statistics();
    most = std::max(most, now.in_use);
    ASSERT_LE(now.in_use + now.idle, most + most / 4 + 64 * kMiB);
    ASSERT_EQ(now.most_in_use, most);
  }
  for (void* block : blocks) pool.release(block);
  EXPECT_EQ(pool.statistics().in_use, 0U);
}

TEST(BlockPool, SmallBlocksAndNothing) {
  BlockPool pool;
  EXPECT_EQ(pool.allocate(0), nullptr);
  pool.release(nullptr);
  for (const size_t size : {size_t{1}, size_t{63}, size_t{4096}, size_t{32767}, size_t{32768}, size_t{32769},
                            kMiB / 2 + 1, kMiB - 1, kMiB, kMiB + 1, 3 * kMiB + 17}) {
    auto* const block = static_cast<char*>(pool.allocate(size));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % BlockPool::kAlignment, 0U);
    std::memset(block, 7, size);
    pool.release(block);
  }
}

TEST(BlockPool, CutsSmallBlocksFromSlabs) {
  BlockPool pool;
  std::vector<char*> blocks;
  for (int turn = 0; turn < 3; ++turn) {
    for (int i = 0; i < 100; ++i) {
      blocks.push_back(static_cast<char*>(pool.allocate(100'000)));
      std::memset(blocks.back(), i, 100'000);
    }
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(blocks[i][0] == i && blocks[i][99'999] == i);  // none overlaps another
    for (char* block : blocks) pool.release(block);
    blocks.clear();
  }
  // 104 KiB each, 19 to a slab of 2 MiB
  EXPECT_EQ(pool.statistics().slabs, 12 * kMiB);
}

TEST(BlockPool, AsksForTheImpossibleInVain) {
  BlockPool pool;
  pool.release(pool.allocate(8 * kMiB));
  EXPECT_THROW(pool.allocate(size_t{1} << 60), std::bad_alloc);
  EXPECT_EQ(pool.statistics().idle, 0U);  // it gave back what it had before it gave up
  EXPECT_THROW(pool.allocate(SIZE_MAX), std::bad_alloc);
  EXPECT_EQ(pool.statistics().in_use, 0U);
}

TEST(BlockPool, ManyThreads) {
  BlockPool pool;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int id = 0; id < 4; ++id)
    threads.emplace_back([&, id] {
      std::mt19937 random(id);
      for (int turn = 0; turn < 300; ++turn) {
        const size_t size = kMiB / 2 + random() % (2 * kMiB);
        auto* const block = static_cast<char*>(pool.allocate(size));
        block[0] = block[size - 1] = static_cast<char>(id);
        std::this_thread::yield();
        wrong += block[0] != id || block[size - 1] != id;
        pool.release(block);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(pool.statistics().in_use, 0U);
}

TEST(Allocator, IsChosenByTheEnvironment) {
  ::unsetenv("STRATA_ALLOCATOR");
  EXPECT_TRUE(choose_allocator().pool);
  ::setenv("STRATA_ALLOCATOR", "system", 1);
  EXPECT_FALSE(choose_allocator().pool);
  ::setenv("STRATA_ALLOCATOR", "fast", 1);
  EXPECT_THROW(choose_allocator(), UsageError);
  ::unsetenv("STRATA_ALLOCATOR");
}

}  // namespace
}  // namespace strata
