#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

namespace strata {

/// How many threads this process may use, and why: min(affinity mask, cgroup quota), or what the user asked for.
struct ThreadChoice {
  int count = 1;
  std::string reason;  // "affinity 2, cgroup quota 1.5 -> 1", "STRATA_NUM_THREADS=4", ...
};

/// requested > 0 wins (--threads), then STRATA_NUM_THREADS, then OMP_NUM_THREADS, then what affinity and cgroup (v1 and v2) allow.
ThreadChoice choose_threads(int requested = 0);

/// Threads parallel_for uses: what was set (the command does so once at start), else what follow_threads was told to ask, else 1.
void set_threads(int count);
/// Until set_threads is called, parallel_for uses as many threads as `count` returns: for a process whose threads are another's business.
void follow_threads(int (*count)());
int threads();

/// While one lives, what this thread calls in LibTorch and in parallel_for stays on it: for background threads, which
/// would otherwise each start a pool of their own.
class OneThread {
 public:
  OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread();

 private:
  int before_;
};

namespace detail {
void parallel_ranges(int64_t count, int64_t grain, void (*call)(void*, int64_t, int64_t, int), void* context);
}

/// Calls fn(begin, end, thread) on contiguous, disjoint ranges that cover 0..count-1, on LibTorch's own OpenMP pool (libgomp). The split depends only on count,
/// grain and threads(), so sums made per range are reproducible. Runs inline when one range suffices or when already inside a region. An exception in fn is
/// rethrown here (the first one, by thread number).
template <class Fn>
void parallel_for(int64_t count, int64_t grain, Fn&& fn) {
  detail::parallel_ranges(
      count, grain,
      [](void* context, int64_t begin, int64_t end, int thread) {
        (*static_cast<std::remove_reference_t<Fn>*>(context))(begin, end, thread);
      },
      const_cast<void*>(static_cast<const void*>(&fn)));
}

}  // namespace strata
