#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strata/base/random.h"
#include "strata/blocks/cache.h"
#include "strata/blocks/given.h"
#include "strata/blocks/params.h"
#include "strata/blocks/stream.h"
#include "strata/blocks/taps.h"
#include "strata/blocks/weights.h"
#include "strata/route/spec.h"

namespace strata {

/// Where in the route a block runs.
struct Place {
  int64_t slot = 0;        // ordinal of the step
  int64_t block = 0;       // index in its stack
  int64_t occurrence = 0;  // how often this (source, block, part) ran before in this pass
  std::string name;        // its tap name: "slot.3.block.7.mixer"
};

/// Which heads, neurons or inputs the route keeps: ascending indices [n] int64; undefined means all.
struct Selection {
  Tensor heads, neurons, inputs;
};

/// Rows that run while the others wait: layer dropout per sample, token-level exits, mixture of depths.
struct Live {
  /// [sequences] or [rows] bool. A track whose number of rows fits neither is an error.
  Tensor keep;
  /// Whether rows that do not run are still seen as keys by those that do (needed for choices inside a sequence).
  bool others_visible = false;
  /// [sequences] or [rows] (as keep), multiplies what is added to live rows; undefined: 1.
  Tensor factor;
};

/// Everything a block may look at beside its weights and its stream.
struct Pass {
  const Given& given;
  Place place;
  Selection keep;
  CacheEntry* cache = nullptr;  // where the block made one and the caller keeps caches
  Taps* taps = nullptr;
  Random random;
  bool training = false;

  /// Records an intermediate under this block's name; nothing happens when nobody listens. (wants(): is it worth
  /// computing?)
  bool wants(std::string_view name) const { return taps && taps->wants(place.name + "." + std::string(name)); }
  void tap(std::string_view name, const Tensor& value) const {
    if (taps) taps->record(place.name + "." + std::string(name), value);
  }
};

class Block;
using BlockPtr = std::shared_ptr<const Block>;

/// A named piece of a block that a route can call alone ("mixer", "ffn"). Its weights carry its name as prefix.
struct Part {
  std::string name;
  BlockPtr block;
};

/// One step of computation on the stream, named by its configuration; immutable, owns no weights.
class Block {
 public:
  virtual ~Block() = default;

  /// What the block reads and leaves: tracks, channels, kind of rows; parts; heads and neurons a route can select. No
  /// tensors.
  virtual BlockSpec spec() const = 0;
  virtual std::vector<ParamInfo> params() const = 0;
  /// Entries of Given it reads.
  virtual std::vector<Need> needs() const { return {}; }
  /// Pieces that run one after the other, each as a block of its own; empty: the block is run by forward().
  virtual std::span<const Part> parts() const { return {}; }
  /// Whether its parts all read the stream as the block found it, instead of each what the one before left.
  virtual bool side_by_side() const { return false; }

  /// spec().kind == adds: what to add to the stream (tracks left out or undefined add nothing).
  /// replaces: the whole new stream. changes_rows: the new stream with new rows.
  virtual Stream forward(const Weights& weights, const Stream& x, Pass& pass) const = 0;

  /// add(x, forward(weights, x, pass)), for blocks that add; those that can spare a pass over the stream override it.
  /// The same numbers bit for bit.
  virtual Stream advance(const Weights& weights, const Stream& x, Pass& pass) const {
    return add(x, forward(weights, x, pass));
  }

  /// A fresh cache for one place in a route, or nullptr when the block keeps none. `sequences` of the stream it will
  /// serve.
  virtual std::unique_ptr<CacheEntry> make_cache(const Weights& weights, int64_t sequences) const { return nullptr; }
};

/// Params of a child under its name: prefixed("ffn", ...) turns up.weight into ffn.up.weight; shared ones keep their
/// names.
std::vector<ParamInfo> prefixed(std::string_view name, std::vector<ParamInfo> params);
void append(std::vector<ParamInfo>& all, std::vector<ParamInfo> more);

}  // namespace strata
