#include "strata/base/threads.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sstream>
#include <vector>

#include "strata/base/error.h"

// libgomp's stable entry points: either compiler can call them, and the process keeps the one pool LibTorch uses (clang's -fopenmp would add a second).
extern "C" void GOMP_parallel(void (*fn)(void*), void* data, unsigned threads, unsigned flags);
extern "C" int omp_get_thread_num();
extern "C" int omp_in_parallel();
extern "C" int omp_get_num_threads();
extern "C" int omp_get_max_threads();
extern "C" void omp_set_num_threads(int count);  // of the calling thread

namespace strata {
namespace {

int active_threads = 0;  // 0: not set
int (*followed_threads)() = nullptr;
thread_local int alone = 0;  // OneThread objects of this thread

int affinity_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Cores granted by the cgroup of this process or any of its parents, or 0 when none limits them.
double cgroup_quota() {
  double least = 0;
  const auto consider = [&least](double quota) {
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
  };
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    const bool v2 = controllers.empty();
    if (!v2 && controllers.find("cpu") == std::string::npos) continue;
    for (;; path = path.substr(0, path.rfind('/'))) {
      if (v2) {
        std::istringstream values(first_line("/sys/fs/cgroup" + path + "/cpu.max"));
        std::string quota;
        double period = 0;
        if (values >> quota >> period && quota != "max" && period > 0) consider(std::atof(quota.c_str()) / period);
      } else {
        const double quota = std::atof(first_line("/sys/fs/cgroup/cpu" + path + "/cpu.cfs_quota_us").c_str());
        const double period = std::atof(first_line("/sys/fs/cgroup/cpu" + path + "/cpu.cfs_period_us").c_str());
        if (period > 0) consider(quota / period);
      }
      if (path.empty() || path == "/") break;
    }
  }
  return least;
}

int positive_integer(const char* name, const char* text) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || (*end != '\0' && *end != ',') || value < 1 || value > 4096)
    fail_usage(name, ": expected a number of threads from 1 to 4096, got '", text, "'");
  return static_cast<int>(value);
}

struct Region {
  int64_t count, ranges;
  void (*call)(void*, int64_t, int64_t, int);
  void* context;
  std::vector<std::exception_ptr> errors;
};

void run_region(void* data) {
  auto& region = *static_cast<Region*>(data);
  const int64_t team = omp_get_num_threads();  // may be smaller than asked for
  for (int64_t range = omp_get_thread_num(); range < region.ranges; range += team) {
    try {
      region.call(region.context, region.count * range / region.ranges, region.count * (range + 1) / region.ranges,
                  static_cast<int>(range));
    } catch (...) {
      region.errors[range] = std::current_exception();
    }
  }
}

}  // namespace

ThreadChoice choose_threads(int requested) {
  if (requested > 0) return {requested, "asked for with --threads"};
  for (const char* name : {"STRATA_NUM_THREADS", "OMP_NUM_THREADS"})
    if (const char* text = std::getenv(name); text && *text)
      return {positive_integer(name, text), std::string(name) + "=" + text};
  const int cores = affinity_cores();
  const double quota = cgroup_quota();
  std::ostringstream reason;
  reason << "affinity allows " << cores << (cores == 1 ? " core" : " cores");
  if (quota <= 0) {
    reason << ", no cgroup quota";
    return {cores, reason.str()};
  }
  reason << ", cgroup quota " << quota;
  return {std::clamp(static_cast<int>(std::floor(quota + 1e-9)), 1, cores), reason.str()};
}

void set_threads(int count) {
  active_threads = std::max(1, count);
}
void follow_threads(int (*count)()) {
  followed_threads = count;
}
int threads() {
  if (active_threads > 0) return active_threads;
  return followed_threads ? std::max(1, followed_threads()) : 1;
}

OneThread::OneThread() : before_(omp_get_max_threads()) {
  omp_set_num_threads(1);
  ++alone;
}
OneThread::~OneThread() {
  --alone;
  omp_set_num_threads(before_);
}

void detail::parallel_ranges(int64_t count, int64_t grain, void (*call)(void*, int64_t, int64_t, int), void* context) {
  if (count <= 0) return;
  const int64_t ranges =
      std::min<int64_t>(threads(), (count + std::max<int64_t>(grain, 1) - 1) / std::max<int64_t>(grain, 1));
  if (ranges <= 1 || alone > 0 || omp_in_parallel()) {
    call(context, 0, count, 0);
    return;
  }
  Region region{count, ranges, call, context, std::vector<std::exception_ptr>(ranges)};
  GOMP_parallel(run_region, &region, static_cast<unsigned>(ranges), 0);
  for (const auto& error : region.errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace strata
