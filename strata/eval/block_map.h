#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "strata/route/route.h"
#include "strata/stack/stack.h"

namespace strata {

/// What blocks add to the class token, wherever in an order they run.
struct BlockOutputs {
  at::Tensor values;                 // float32 [points, channels]
  std::vector<int32_t> block, slot;  // one per point
};

/// For every order and image, and every block in it: the first row of the image's sequence after the block minus the
/// same row before it. `orders` hold one whole block per step; `pixels` is float32 [images, channels, height, width].
/// Throws Error for other routes.
BlockOutputs block_outputs(const Stack& stack, const std::vector<Route>& orders, const at::Tensor& pixels);

/// Block outputs laid out in the plane.
struct BlockMap {
  std::vector<int32_t> block, slot;  // one per point
  std::vector<float> x, y;
  double trustworthiness = 0;  // of the plane against the full space, 0 .. 1; no number for very few points
  // Share of the outputs' variance (in the full space) that goes with knowing the block, and with knowing the slot:
  // between-group sum of squares over the total, 0 .. 1.
  double share_block = 0, share_slot = 0;
};

/// UMAP of the outputs (McInnes et al. 2018), after each was divided by its length: what the map and the shares compare
/// are directions, since lengths differ from block to block anyway.
BlockMap map_blocks(const BlockOutputs& outputs, uint64_t seed);

}  // namespace strata
