#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace strata {

/// Whether tensors shall come from a BlockPool, and why: `strata doctor` prints it.
struct AllocatorChoice {
  bool pool = true;
  std::string reason;
};

/// The pool, unless STRATA_ALLOCATOR=system. Throws UsageError for any other value than "system" or "tuned".
AllocatorChoice choose_allocator();

/// Big blocks of memory that are kept when freed. A training step asks for the same sizes again and again; handed back
/// to the kernel in between, each comes back as pages to be faulted in and zeroed, which costs more than element-wise
/// work on them does. Blocks lie on huge pages where the kernel lends them. A request takes an idle block that is at most
/// an eighth too large. What is held, used and idle, stays below 5/4 of the most that was ever in use at once, plus
/// 64 MiB; blocks below 1 MiB are cut from slabs of one huge page each, which are kept. Thread-safe.
class BlockPool {
 public:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kSmallest = size_t{1} << 15;  // smaller requests go to the C library
  static constexpr size_t kBig = size_t{1} << 20;       // smaller ones come from slabs

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  /// At least `bytes`, uninitialised, aligned to kAlignment; nullptr for 0 bytes. Throws std::bad_alloc when the system
  /// has no more, after giving back what lies idle.
  void* allocate(size_t bytes);

  /// Takes back what allocate returned. nullptr is welcome.
  void release(void* block) noexcept;

  /// Hands everything idle back to the kernel.
  void trim() noexcept;

  struct Statistics {
    size_t in_use = 0, most_in_use = 0, idle = 0;  // bytes in big blocks
    size_t slabs = 0;                              // bytes
    int64_t reused = 0, mapped = 0;                // requests served from idle blocks, and by the kernel
  };
  Statistics statistics() const;

 private:
  void* take_small(size_t size);
  void* take_idle(size_t size);
  void make_room(size_t size) noexcept;
  void drop(std::multimap<size_t, std::pair<void*, int64_t>>::iterator idle) noexcept;

  mutable std::mutex mutex_;
  std::unordered_map<void*, size_t> used_;                 // block -> its size
  std::multimap<size_t, std::pair<void*, int64_t>> idle_;  // size -> block, and when it was freed
  struct Small {
    std::vector<void*> idle;
    size_t blocks = 0;  // in slabs, idle or used: what idle has room for
  };
  std::map<size_t, Small> small_;  // by size
  std::vector<void*> slabs_;
  int64_t clock_ = 0;
  Statistics statistics_;
};

}  // namespace strata
