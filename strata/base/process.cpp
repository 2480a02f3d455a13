#include "strata/base/process.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>

namespace strata {
namespace {

// The number behind "MemAvailable:   123 kB" in a file of such lines, in bytes; 0 when absent.
int64_t kibibytes_line(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return std::atoll(line.c_str() + key.size()) * 1024;
  return 0;
}

int64_t number_in(const std::string& path, int64_t fallback) {
  std::ifstream file(path);
  int64_t value = 0;
  return file >> value ? value : fallback;  // "max" does not parse: no limit
}

// What the tightest memory cgroup of this process or of its parents leaves, or -1 when none limits it. Page cache
// counts as free: the kernel drops it first.
int64_t cgroup_memory_left() {
  int64_t least = -1;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && controllers != "memory") continue;
    const std::string root = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    std::string path = line.substr(second + 1);
    for (;; path = path.substr(0, path.rfind('/'))) {
      const std::string folder = root + (path == "/" ? "" : path);
      const int64_t limit = number_in(folder + (v2 ? "/memory.max" : "/memory.limit_in_bytes"), -1);
      const int64_t used = number_in(folder + (v2 ? "/memory.current" : "/memory.usage_in_bytes"), 0);
      if (limit >= 0 && limit < int64_t{1} << 60) {  // version 1 writes "no limit" as a huge number
        int64_t cache = 0;
        std::ifstream stat(folder + "/memory.stat");
        int64_t value = 0;
        for (std::string name; stat >> name >> value;)
          if (name == "inactive_file" || name == "active_file") cache += value;
        const int64_t left = std::max<int64_t>(0, limit - used + cache);
        least = least < 0 ? left : std::min(least, left);
      }
      if (path.empty() || path == "/") break;
    }
  }
  return least;
}

// Bytes of the first core's data cache of a level, as the kernel tells; virtual machines give glibc's sysconf wrong sizes.
int64_t cache_bytes(int64_t level) {
  for (int index = 0;; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
    const int64_t here = number_in(folder + "/level", 0);
    if (here == 0) return 0;
    std::string type;
    std::ifstream(folder + "/type") >> type;
    if (here == level && type != "Instruction") return number_in(folder + "/size", 0) * 1024;
  }
}

CpuFeatures read_cpu_features() {
  CpuFeatures cpu;
  __builtin_cpu_init();
  cpu.sse4_2 = __builtin_cpu_supports("sse4.2") != 0;
  cpu.avx2 = __builtin_cpu_supports("avx2") != 0;
  cpu.fma = __builtin_cpu_supports("fma") != 0;
  cpu.avx512f = __builtin_cpu_supports("avx512f") != 0;
  cpu.avx512bw = __builtin_cpu_supports("avx512bw") != 0;
  cpu.avx512dq = __builtin_cpu_supports("avx512dq") != 0;
  cpu.avx512vl = __builtin_cpu_supports("avx512vl") != 0;
  cpu.avx512_vnni = __builtin_cpu_supports("avx512vnni") != 0;
  cpu.avx512_bf16 = __builtin_cpu_supports("avx512bf16") != 0;
  // g++ 12 cannot be asked for f16c and amx; the kernel lists only what it also saves on a context switch.
  std::ifstream file("/proc/cpuinfo");
  const auto value_of = [](const std::string& line) {
    const auto colon = line.find(": ");
    return colon == std::string::npos ? std::string() : line.substr(colon + 2);
  };
  for (std::string line; std::getline(file, line) && !line.empty();) {
    if (line.starts_with("vendor_id")) cpu.vendor = value_of(line);
    if (line.starts_with("model name")) cpu.model = value_of(line);
    if (!line.starts_with("flags")) continue;
    std::istringstream flags(value_of(line));
    for (std::string flag; flags >> flag;) {
      if (flag == "f16c") cpu.f16c = true;
      if (flag == "amx_bf16") cpu.amx_bf16 = true;
    }
  }
  cpu.l1d_bytes = cache_bytes(1);
  cpu.l2_bytes = cache_bytes(2);
  cpu.l3_bytes = cache_bytes(3);
  return cpu;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = read_cpu_features();
  return features;
}

int64_t memory_available() {
  const int64_t machine = kibibytes_line("/proc/meminfo", "MemAvailable:");
  const int64_t group = cgroup_memory_left();
  if (group < 0) return machine;
  return machine == 0 ? group : std::min(machine, group);
}

int64_t peak_memory() {
  return kibibytes_line("/proc/self/status", "VmHWM:");
}

}  // namespace strata
