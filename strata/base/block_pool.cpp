#include "strata/base/block_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>
#include <string_view>

#include "strata/base/error.h"

namespace strata {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;
constexpr size_t kSlack = size_t{64} << 20;

// Eight sizes for each power of two: requests that differ a little share blocks, at most an eighth is wasted.
size_t size_class(size_t bytes) {
  const size_t step = std::bit_floor(bytes) / 8;
  if (bytes > SIZE_MAX - step - kHugePage) throw std::bad_alloc();
  return (bytes + step - 1) / step * step;
}

// Maps with room to spare and cuts off both ends, so that the block begins where a huge page can.
void* map_block(size_t size) noexcept {
  const size_t room = size + kHugePage;
  void* mapped = ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* const first = static_cast<std::byte*>(mapped);
  const size_t ahead = (kHugePage - reinterpret_cast<uintptr_t>(first) % kHugePage) % kHugePage;
  if (ahead > 0) ::munmap(first, ahead);
  if (room - ahead > size) ::munmap(first + ahead + size, room - ahead - size);
  const size_t whole = size / kHugePage * kHugePage;  // the rest stays on small pages: nothing unused is touched
  if (whole > 0) ::madvise(first + ahead, whole, MADV_HUGEPAGE);
  return first + ahead;
}

}  // namespace

AllocatorChoice choose_allocator() {
  const char* choice = std::getenv("STRATA_ALLOCATOR");
  if (choice == nullptr || *choice == '\0' || std::string_view(choice) == "tuned")
    return {true, "tensors of 32 KiB and more keep their blocks, on huge pages"};
  if (std::string_view(choice) == "system") return {false, "left alone (STRATA_ALLOCATOR=system)"};
  fail_usage("STRATA_ALLOCATOR: expected 'tuned' or 'system', got '", choice, "'");
}

BlockPool::~BlockPool() {
  trim();
  for (void* slab : slabs_) ::munmap(slab, kHugePage);
}

void* BlockPool::allocate(size_t bytes) {
  if (bytes == 0) return nullptr;
  if (bytes < kSmallest) {
    void* block = nullptr;
    if (::posix_memalign(&block, kAlignment, bytes) != 0) throw std::bad_alloc();
    return block;
  }
  const size_t size = size_class(bytes);
  const std::lock_guard lock(mutex_);
  if (size < kBig) return take_small(size);
  void* block = take_idle(size);
  if (block == nullptr) {
    make_room(size);
    block = map_block(size);
    while (block == nullptr && !idle_.empty()) {
      drop(std::prev(idle_.end()));
      block = map_block(size);
    }
    if (block == nullptr) throw std::bad_alloc();
    try {
      used_.emplace(block, size);
    } catch (...) {
      ::munmap(block, size);
      throw;
    }
    ++statistics_.mapped;
    statistics_.in_use += size;
  }
  statistics_.most_in_use = std::max(statistics_.most_in_use, statistics_.in_use);
  return block;
}

void BlockPool::release(void* block) noexcept {
  if (reinterpret_cast<uintptr_t>(block) % kPage != 0)
    return std::free(block);  // every block of the pool begins at one
  const std::lock_guard lock(mutex_);
  const auto found = used_.find(block);
  if (found == used_.end()) return std::free(block);
  const size_t size = found->second;
  used_.erase(found);
  if (size < kBig) return small_.find(size)->second.idle.push_back(block);  // room for it was made with the slab
  statistics_.in_use -= size;
  try {
    idle_.emplace(size, std::pair{block, clock_++});
    statistics_.idle += size;
  } catch (const std::bad_alloc&) {  // no room for a note of it
    ::munmap(block, size);
  }
}

void BlockPool::trim() noexcept {
  const std::lock_guard lock(mutex_);
  while (!idle_.empty()) drop(idle_.begin());
}

BlockPool::Statistics BlockPool::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

void* BlockPool::take_small(size_t size) {
  auto& [idle, blocks] = small_[size];
  if (idle.empty()) {
    const size_t count = kHugePage / size;
    slabs_.reserve(slabs_.size() + 1);
    idle.reserve(blocks + count);
    auto* const slab = static_cast<std::byte*>(map_block(kHugePage));
    if (slab == nullptr) throw std::bad_alloc();
    slabs_.push_back(slab);
    blocks += count;
    statistics_.slabs += kHugePage;
    ++statistics_.mapped;
    for (size_t i = count; i-- > 0;) idle.push_back(slab + i * size);
  } else {
    ++statistics_.reused;
  }
  used_.emplace(idle.back(), size);
  void* const block = idle.back();
  idle.pop_back();
  return block;
}

// The smallest idle block that serves without wasting more than an eighth.
void* BlockPool::take_idle(size_t size) {
  const auto found = idle_.lower_bound(size);
  if (found == idle_.end() || found->first > size + size / 8) return nullptr;
  const size_t held = found->first;
  void* const block = found->second.first;
  used_.emplace(block, held);
  idle_.erase(found);
  statistics_.idle -= held;
  statistics_.in_use += held;
  ++statistics_.reused;
  return block;
}

// Gives back the blocks unused for longest until a new one fits under the bound.
void BlockPool::make_room(size_t size) noexcept {
  const size_t most = std::max(statistics_.most_in_use, statistics_.in_use + size);
  const size_t bound = most + most / 4 + kSlack;
  while (!idle_.empty() && statistics_.in_use + statistics_.idle + size > bound)
    drop(std::min_element(idle_.begin(), idle_.end(),
                          [](const auto& a, const auto& b) { return a.second.second < b.second.second; }));
}

void BlockPool::drop(std::multimap<size_t, std::pair<void*, int64_t>>::iterator idle) noexcept {
  ::munmap(idle->second.first, idle->first);
  statistics_.idle -= idle->first;
  idle_.erase(idle);
}

}  // namespace strata
