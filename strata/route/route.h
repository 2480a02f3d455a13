#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

// Every member below has an initialiser, so that Call{.block = 3} compiles without warnings.

/// Thins one call: only these heads, neurons or inputs take part. Either an exact set, or a policy (a percentage that a
/// named selector turns into a set during the pass).
struct Limit {
  enum class Kind : uint8_t { heads, neurons, inputs };
  Kind kind = Kind::heads;
  std::vector<int32_t> members = {};  // exact: ascending, each once, not empty; a policy: empty
  int32_t percent = 0;                // policy: 1..100
  std::string selector = {};          // policy: who picks; empty for an exact set

  bool exact() const { return selector.empty(); }
  bool operator==(const Limit&) const = default;
};

/// One block at work: "a:4.mixer[heads=0-3]".
struct Call {
  std::string source = {};         // which stack's block; empty: the opened model
  int32_t block = 0;               // index in that stack
  std::string part = {};           // one part of the block; empty: the whole block
  std::vector<Limit> limits = {};  // at most one per kind, in the order heads, neurons, inputs

  bool operator==(const Call&) const = default;
};

/// Calls that run side by side: all read the same stream, their deltas add up in this order. Never empty; mostly one
/// call.
using Step = std::vector<Call>;

/// The plan of one pass through a stack. No steps at all is the route "none": head(embed(x)).
/// A slot is the ordinal of a step. Ranges and repeats exist only in the text (parse.h, print.h).
struct Route {
  std::vector<Step> steps = {};

  bool operator==(const Route&) const = default;
};

/// What a route may hold, in text and in memory; nothing near these limits is useful, and nothing read from a file can
/// exceed them.
inline constexpr int64_t kMaxRouteSteps = 65536;
inline constexpr int64_t kMaxRouteCalls = 65536;  // side-by-side calls counted one by one
inline constexpr int32_t kMaxBlockIndex = 65535;
inline constexpr int32_t kMaxLimitMember = (1 << 20) - 1;      // index of a head, neuron or input
inline constexpr int64_t kMaxRouteMembers = int64_t{1} << 22;  // of all exact sets of a route together
inline constexpr int64_t kMaxRouteName = 64;                   // characters of a source, part or selector

/// "heads", "neurons" or "inputs".
std::string_view name_of(Limit::Kind kind);

/// Blocks 0..blocks-1 in order. Throws Error for more than kMaxRouteSteps blocks or less than 0.
Route identity(int64_t blocks);

/// One whole-block call of the opened model per element: sequence({3, 1, 2}).
Route sequence(const std::vector<int32_t>& blocks);

/// How often each call's (source, block, part) was called before it: result[slot][call] is 0 at the first occurrence.
std::vector<std::vector<int32_t>> occurrences(const Route& route);

/// The first `steps` steps (all of them when there are fewer).
Route prefix(const Route& route, size_t steps);

/// How many steps both routes start with.
size_t common_prefix(const Route& a, const Route& b);

/// Whether `longer` starts with every step of `shorter`; a route is a prefix of itself, "none" of every route.
bool is_prefix(const Route& shorter, const Route& longer);

/// The name of what has been executed after `steps` steps, for caches and saved activations: the canonical text of that
/// prefix, so two keys are equal exactly when sources, blocks, parts, limits and order are. Policies must have been
/// replaced by the sets they chose.
std::string prefix_key(const Route& route, size_t steps);

/// A 64-bit hash of the canonical text; the same in every process and on every machine.
uint64_t hash_of(const Route& route);

/// Throws Error when a route built by hand breaks one of the rules written above (an empty step, an unsorted set, a
/// name that the grammar cannot write, a size beyond the limits). Everything parse_route returns is well formed.
void check_well_formed(const Route& route);

}  // namespace strata

template <>
struct std::hash<strata::Route> {
  size_t operator()(const strata::Route& route) const { return strata::hash_of(route); }
};
