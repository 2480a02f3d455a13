#include "strata/ops/host_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include "strata/base/block_pool.h"

namespace strata {
namespace {

// Never destroyed: tensors in static storage are freed after everything else.
BlockPool& pool() {
  static auto* const blocks = new BlockPool;
  return *blocks;
}

void give_back(void* block) {
  pool().release(block);
}

struct PooledMemory final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* const block = pool().allocate(bytes);
    return {block, block, &give_back, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

}  // namespace

void use_block_pool() {
  static auto* const memory = new PooledMemory;
  c10::SetCPUAllocator(memory);
}

}  // namespace strata
