#include "strata/route/route.h"

#include <xxhash.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "strata/base/error.h"
#include "strata/route/name.h"
#include "strata/route/print.h"

namespace strata {
namespace {

bool is_name(std::string_view text) {
  return !text.empty() && std::ssize(text) <= kMaxRouteName && name_length(text) == text.size();
}

void check_limit(const Limit& limit, size_t slot) {
  const auto reject = [&](const auto&... what) {
    fail("route step ", slot + 1, ": ", name_of(limit.kind), ": ", what...);
  };
  if (!limit.exact()) {
    if (!is_name(limit.selector)) reject("expected a selector name of letters, digits and underscores");
    if (limit.percent < 1 || limit.percent > 100) reject("expected a percentage from 1 to 100, found ", limit.percent);
    if (!limit.members.empty()) reject("expected a percentage or a set, found both");
    return;
  }
  if (limit.members.empty()) reject("expected at least one member in the set, found none; call fewer parts instead");
  if (limit.percent != 0) reject("expected a selector beside the percentage, found none");
  if (limit.members.front() < 0 || limit.members.back() > kMaxLimitMember)
    reject("expected members from 0 to ", kMaxLimitMember, ", found ", limit.members.front(), " to ",
           limit.members.back());
  if (std::adjacent_find(limit.members.begin(), limit.members.end(), std::greater_equal<>()) != limit.members.end())
    reject("expected ascending members, each once");
}

void check_call(const Call& call, size_t slot) {
  if (call.block < 0 || call.block > kMaxBlockIndex)
    fail("route step ", slot + 1, ": expected a block index from 0 to ", kMaxBlockIndex, ", found ", call.block);
  if (!call.source.empty() && !is_name(call.source))
    fail("route step ", slot + 1, ": expected a source name of at most ", kMaxRouteName,
         " letters, digits and underscores, found '", call.source.substr(0, kMaxRouteName), "'");
  if (!call.part.empty() && (!is_name(call.part) || length_before_repeat(call.part) != call.part.size()))
    fail("route step ", slot + 1, ": expected a part name of at most ", kMaxRouteName,
         " letters, digits and underscores that does not end in x and digits, found '",
         call.part.substr(0, kMaxRouteName), "'");
  for (const auto& limit : call.limits) check_limit(limit, slot);
  for (size_t i = 1; i < call.limits.size(); ++i)
    if (call.limits[i - 1].kind >= call.limits[i].kind)
      fail("route step ", slot + 1, ": expected limits in the order heads, neurons, inputs, each at most once, found ",
           name_of(call.limits[i - 1].kind), " before ", name_of(call.limits[i].kind));
}

}  // namespace

std::string_view name_of(Limit::Kind kind) {
  switch (kind) {
    case Limit::Kind::heads:
      return "heads";
    case Limit::Kind::neurons:
      return "neurons";
    case Limit::Kind::inputs:
      break;
  }
  return "inputs";
}

Route identity(int64_t blocks) {
  if (blocks < 0 || blocks > kMaxRouteSteps) fail("route: expected 0 to ", kMaxRouteSteps, " blocks, found ", blocks);
  Route route;
  route.steps.reserve(blocks);
  for (int32_t block = 0; block < blocks; ++block) route.steps.push_back({Call{.block = block}});
  return route;
}

Route sequence(const std::vector<int32_t>& blocks) {
  Route route;
  route.steps.reserve(blocks.size());
  for (const int32_t block : blocks) route.steps.push_back({Call{.block = block}});
  return route;
}

std::vector<std::vector<int32_t>> occurrences(const Route& route) {
  std::map<std::tuple<std::string_view, int32_t, std::string_view>, int32_t> seen;
  std::vector<std::vector<int32_t>> result;
  result.reserve(route.steps.size());
  for (const auto& step : route.steps) {
    auto& counts = result.emplace_back();
    for (const auto& call : step) counts.push_back(seen[{call.source, call.block, call.part}]++);
  }
  return result;
}

Route prefix(const Route& route, size_t steps) {
  const auto end = route.steps.begin() + static_cast<ptrdiff_t>(std::min(steps, route.steps.size()));
  return {std::vector<Step>(route.steps.begin(), end)};
}

size_t common_prefix(const Route& a, const Route& b) {
  const auto [end, other] = std::mismatch(a.steps.begin(), a.steps.end(), b.steps.begin(), b.steps.end());
  return static_cast<size_t>(end - a.steps.begin());
}

bool is_prefix(const Route& shorter, const Route& longer) {
  return common_prefix(shorter, longer) == shorter.steps.size();
}

std::string prefix_key(const Route& route, size_t steps) {
  return print_route(prefix(route, steps));
}

uint64_t hash_of(const Route& route) {
  const std::string text = print_route(route);
  return XXH3_64bits(text.data(), text.size());
}

void check_well_formed(const Route& route) {
  if (std::ssize(route.steps) > kMaxRouteSteps)
    fail("route: expected at most ", kMaxRouteSteps, " steps, found ", route.steps.size());
  int64_t calls = 0;
  int64_t members = 0;
  for (size_t slot = 0; slot < route.steps.size(); ++slot) {
    if (route.steps[slot].empty()) fail("route step ", slot + 1, ": expected at least one call, found none");
    calls += std::ssize(route.steps[slot]);
    for (const auto& call : route.steps[slot]) {
      check_call(call, slot);
      for (const auto& limit : call.limits) members += std::ssize(limit.members);
    }
  }
  if (calls > kMaxRouteCalls) fail("route: expected at most ", kMaxRouteCalls, " calls, found ", calls);
  if (members > kMaxRouteMembers)
    fail("route: expected at most ", kMaxRouteMembers, " members in all sets together, found ", members);
}

}  // namespace strata
