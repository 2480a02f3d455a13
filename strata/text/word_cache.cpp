#include "strata/text/word_cache.h"

#include <cstdlib>
#include <new>

namespace strata {

// Zeros that the kernel hands out when a place is first written.
WordCache::Entry* WordCache::make() {
  constexpr size_t kBytes = (size_t{1} << kBits) * sizeof(Entry);
  void* const memory = std::aligned_alloc(alignof(Entry), kBytes);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, kBytes);
  return static_cast<Entry*>(memory);
}

}  // namespace strata
