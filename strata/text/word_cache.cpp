#include "strata/text/word_cache.h"

#include <cstdlib>
#include <new>

namespace strata {

WordCache::Entry* WordCache::make() {
  constexpr size_t bytes = (size_t{1} << kBits) * sizeof(Entry);
  void* const memory = std::aligned_alloc(alignof(Entry), bytes);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, bytes);
  return static_cast<Entry*>(memory);
}

}  // namespace strata
