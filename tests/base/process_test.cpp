#include "strata/base/process.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace strata {
namespace {

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
