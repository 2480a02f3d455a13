#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "strata/route/route.h"

namespace strata {

/// One named tensor of the residual stream, [rows, channels].
struct TrackSpec {
  std::string name = {};
  std::string rows = {};  // kind of row: "token", "patch", "node", ...; empty in a block's spec: any, or as before
  int64_t channels = 0;   // 0 in a block's spec: any, or as before

  bool operator==(const TrackSpec&) const = default;
};

/// What a block needs of the stream and what it does to it, as far as a route must know to be valid.
struct BlockSpec {
  /// adds: `out` tracks are deltas to tracks of the same rows and channels. replaces: `out` tracks take the place of
  /// tracks of the same name, with the same rows; other tracks stay. changes_rows: the stream afterwards is `out` and
  /// nothing else.
  enum class Kind : uint8_t { adds, replaces, changes_rows };
  std::string name = {};  // of the kind of block: "transformer", "pool", ...
  std::vector<TrackSpec> in = {};
  std::vector<TrackSpec> out = {};
  Kind kind = Kind::adds;
  std::vector<std::string> parts = {};  // what may stand behind the dot
  int64_t heads = 0;                    // how many of each a limit may pick from; 0: the block has none
  int64_t neurons = 0;
  int64_t inputs = 0;
};

/// A stack as a route sees it: what embed makes, the blocks, what the final norm and heads read.
struct ChainSpec {
  std::string stack = {};  // name used in errors
  std::vector<TrackSpec> embed_out = {};
  std::vector<BlockSpec> blocks = {};
  std::vector<TrackSpec> head_in = {};
};

/// Source name -> the stack it stands for. The opened model itself (no source) is not in here.
using Sources = std::map<std::string, ChainSpec, std::less<>>;

/// The stack a call's block comes from. Throws Error for an unknown source, listing the known ones.
const ChainSpec& chain_of(const Call& call, const ChainSpec& chain, const Sources& sources);

/// Throws Error unless the route can run on the opened model `chain` (its embedding, norm and head are used) with
/// blocks of `sources`: every source, block, part and selector exists, exact sets are in range, side-by-side blocks all
/// add to the stream they read, and the tracks fit from the embedding over every step to the head. Messages name the
/// slot: "route step 4: block 9 not in stack 'text' ...".
void validate(const Route& route, const ChainSpec& chain, const Sources& sources = {},
              std::span<const std::string> selectors = {});

}  // namespace strata
