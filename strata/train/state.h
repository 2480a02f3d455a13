#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "strata/train/optimiser.h"

namespace strata {

/// What must be equal for a resumed run to end with the same bits.
struct RunIdentity {
  std::string recipe;  // fingerprint
  std::string data;    // checksum of the training images and labels
  std::string threads;
  std::string kernels;  // name of the kernel level

  bool operator==(const RunIdentity&) const = default;
};

/// Everything training needs to go on.
struct TrainState {
  int64_t step = 0;    // updates done
  double seconds = 0;  // spent so far
  RunIdentity identity;
  std::vector<std::string> names;  // of the parameters; the vectors below follow them
  std::vector<Tensor> params;
  OptimiserState optimiser;
  std::vector<Tensor> ema;  // empty without one
};

/// Writes `<folder>/step-000200` (tensors.safetensors, then manifest.json with an XXH3 checksum of every tensor) under
/// a temporary name, synced and renamed when complete, and removes all but the newest two. Throws Error when the disk
/// is full; the older checkpoints are intact then.
std::string save_state(const std::string& folder, const TrainState& state);

/// The newest checkpoint in `folder` whose checksums hold, or nothing when there is none. Damaged ones are passed over,
/// each with a line in `warnings`; throws Error when there are checkpoints and all are damaged.
std::optional<TrainState> load_state(const std::string& folder, std::vector<std::string>& warnings);

/// Throws Error naming what differs and how to go on.
void check_identity(const RunIdentity& stored, const RunIdentity& now, const std::string& folder);

}  // namespace strata
