#include "strata/base/process.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "strata/base/error.h"
#include "tests/sanitizer.h"

namespace strata {
namespace {

// Runs a check in a process of its own: the allocator cannot be untuned.
template <class Check>
bool holds_in_child(Check&& check) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(check() ? 0 : 1);
  int status = -1;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Whether a block of this size is asked from the kernel by a map of its own, which goes back when freed.
bool maps_big_blocks(size_t size) {
  const size_t before = mallinfo2().hblks;
  void* volatile block = std::malloc(size);
  const bool mapped = mallinfo2().hblks > before;
  std::free(block);
  return mapped;
}

TEST(Process, TunedAllocatorKeepsBigBlocks) {
  if (kAddressSanitizer) GTEST_SKIP() << "the sanitizer brings its own allocator";
  EXPECT_TRUE(holds_in_child([] {
    ::unsetenv("STRATA_ALLOCATOR");
    return maps_big_blocks(200 << 20) && tune_allocator() == "big blocks are kept (mallopt)" &&
           !maps_big_blocks(200 << 20) && !maps_big_blocks(size_t{1} << 30);
  }));
}

TEST(Process, AllocatorCanBeLeftAlone) {
  EXPECT_TRUE(holds_in_child([] {
    ::setenv("STRATA_ALLOCATOR", "system", 1);
    return tune_allocator() == "left alone (STRATA_ALLOCATOR=system)";
  }));
  EXPECT_TRUE(holds_in_child([] {
    ::setenv("MALLOC_TOP_PAD_", "1000", 1);
    return tune_allocator() == "left alone (MALLOC_TOP_PAD_=1000)";
  }));
  EXPECT_TRUE(holds_in_child([] {
    ::setenv("STRATA_ALLOCATOR", "fast", 1);
    try {
      tune_allocator();
    } catch (const UsageError&) {
      return true;
    }
    return false;
  }));
}

TEST(Process, CpuFeaturesAgreeWithTheKernel) {
  const CpuFeatures& cpu = cpu_features();
  std::ifstream file("/proc/cpuinfo");
  std::stringstream all;
  all << file.rdbuf();
  const auto kernel_lists = [flags = all.str()](const std::string& name) {
    return flags.find(" " + name + " ") != std::string::npos || flags.find(" " + name + "\n") != std::string::npos;
  };
  EXPECT_FALSE(cpu.vendor.empty());
  EXPECT_FALSE(cpu.model.empty());
  EXPECT_EQ(cpu.sse4_2, kernel_lists("sse4_2"));
  EXPECT_EQ(cpu.avx2, kernel_lists("avx2"));
  EXPECT_EQ(cpu.fma, kernel_lists("fma"));
  EXPECT_EQ(cpu.f16c, kernel_lists("f16c"));
  EXPECT_EQ(cpu.avx512f, kernel_lists("avx512f"));
  EXPECT_EQ(cpu.avx512bw, kernel_lists("avx512bw"));
  EXPECT_EQ(cpu.avx512dq, kernel_lists("avx512dq"));
  EXPECT_EQ(cpu.avx512vl, kernel_lists("avx512vl"));
  EXPECT_EQ(cpu.avx512_vnni, kernel_lists("avx512_vnni"));
  EXPECT_EQ(cpu.avx512_bf16, kernel_lists("avx512_bf16"));
  EXPECT_EQ(cpu.amx_bf16, kernel_lists("amx_bf16"));
}

TEST(Process, MemoryFiguresMove) {
  EXPECT_GT(memory_available(), int64_t{1} << 20);
  const int64_t before = peak_memory();
  EXPECT_GT(before, 0);
  const size_t size = before + (32 << 20);
  auto* block = static_cast<char*>(std::malloc(size));
  std::memset(block, 1, size);
  EXPECT_GT(peak_memory(), before);
  EXPECT_EQ(block[size / 2], 1);
  std::free(block);
}

}  // namespace
}  // namespace strata
