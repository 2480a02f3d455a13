#pragma once

namespace strata {

/// From here on the host memory of new tensors comes from one BlockPool (base/block_pool.h). Call once at start, where
/// choose_allocator says so; tensors made before keep the allocator they came from.
void use_block_pool();

}  // namespace strata
