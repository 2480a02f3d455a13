#include "strata/route/order.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "strata/base/error.h"

namespace strata {
namespace {

std::vector<int32_t> ascending(int64_t blocks) {
  if (blocks < 0 || blocks > kMaxRouteSteps) fail("route: expected 0 to ", kMaxRouteSteps, " blocks, found ", blocks);
  std::vector<int32_t> all(blocks);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

double kendall_tau_distance(const Route& route) {
  int64_t pairs = 0;
  int64_t inverted = 0;
  const auto& steps = route.steps;
  for (size_t later = 1; later < steps.size(); ++later)
    for (size_t earlier = 0; earlier < later; ++earlier)
      for (const auto& a : steps[earlier])
        for (const auto& b : steps[later]) {
          pairs += a.block != b.block;
          inverted += a.block > b.block;
        }
  return pairs == 0 ? 0 : static_cast<double>(inverted) / static_cast<double>(pairs);
}

void shuffle(std::vector<int32_t>& elements, Random& random) {
  for (size_t left = elements.size(); left > 1; --left) std::swap(elements[left - 1], elements[random.below(left)]);
}

std::vector<Route> all_orders(int64_t blocks) {
  constexpr int64_t most = 8;
  if (blocks > most)
    fail("all orders: expected at most ", most, " blocks (40,320 orders), found ", blocks,
         "; draw random orders instead");
  std::vector<int32_t> order = ascending(blocks);
  std::vector<Route> routes;
  do routes.push_back(sequence(order));
  while (std::next_permutation(order.begin(), order.end()));
  return routes;
}

std::vector<Route> random_orders(int64_t blocks, int64_t count, Random random) {
  return random_subsets(blocks, blocks, count, true, random);
}

std::vector<Route> random_merges(int64_t blocks, const std::vector<std::string>& sources, int64_t count, bool any_slot,
                                 Random random) {
  if (sources.empty()) fail("merges: expected models to draw blocks from, got none");
  std::vector<Route> routes;
  for (int64_t i = 0; i < count; ++i) {
    Random own = random.fork(static_cast<uint64_t>(i));
    std::vector<int32_t> all(any_slot ? blocks * std::ssize(sources) : 0);
    std::iota(all.begin(), all.end(), 0);
    shuffle(all, own);
    Route route;
    for (int64_t slot = 0; slot < blocks; ++slot) {
      const auto model = any_slot ? all[slot] / blocks : static_cast<int64_t>(own.below(sources.size()));
      route.steps.push_back(
          {Call{.source = sources[model], .block = static_cast<int32_t>(any_slot ? all[slot] % blocks : slot)}});
    }
    routes.push_back(std::move(route));
  }
  return routes;
}

std::vector<Route> random_subsets(int64_t blocks, int64_t kept, int64_t count, bool shuffled, Random random) {
  const std::vector<int32_t> all = ascending(blocks);
  if (kept < 0 || kept > blocks) fail("random subsets: expected 0 to ", blocks, " blocks to keep, found ", kept);
  std::vector<Route> routes;
  for (int64_t i = 0; i < count; ++i) {
    std::vector<int32_t> chosen = all;
    shuffle(chosen, random);
    chosen.resize(kept);
    if (!shuffled) std::sort(chosen.begin(), chosen.end());
    routes.push_back(sequence(chosen));
  }
  return routes;
}

}  // namespace strata
