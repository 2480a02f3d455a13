#pragma once

#include <c10/util/SmallVector.h>

#include <string>
#include <string_view>

#include "strata/ops/rows.h"

namespace strata {

/// A named tensor of the residual stream: value [rows, ...]; a row is a token, patch, node or edge.
struct Track {
  std::string name;
  Tensor value;
  RowsPtr rows;
};

/// What flows from block to block. Most stacks have one track; message passing has two (nodes and edges).
struct Stream {
  c10::SmallVector<Track, 2> tracks;

  Stream() = default;
  Stream(std::string name, Tensor value, RowsPtr rows);

  /// The first track.
  const Track& main() const { return tracks[0]; }
  Track& main() { return tracks[0]; }
  const Tensor& x() const { return tracks[0].value; }
  const RowsPtr& rows() const { return tracks[0].rows; }
  /// The track of that name, or nullptr.
  const Track* find(std::string_view name) const;
  /// The track of that name; throws Error naming the tracks there are.
  const Track& at(std::string_view name) const;
  /// The same rows with another value in the first track.
  Stream with(Tensor value) const;
  /// A stream of one track like the first, holding `value`: what a block returns that adds to the first track only.
  Stream delta(Tensor value) const;
};

/// x + delta, track by track; tracks that delta lacks, or leaves undefined, stay as they are.
Stream add(const Stream& x, const Stream& delta);

}  // namespace strata
