#include "strata/eval/probe_plan.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "strata/base/error.h"
#include "strata/route/inversions.h"
#include "strata/route/order.h"
#include "strata/route/sampler.h"

namespace strata {
namespace {

constexpr int64_t kMostBlocks = 128;
constexpr int64_t kMostExhaustive = 6;
constexpr int64_t kMostRoutes = 50000;  // of one kind

// What each stream of random numbers is for; groups with several members fork once more.
enum Purpose : uint64_t { kOrders = 1, kDistances, kMissingInOrder, kMissingAnyOrder, kWindows };

double factorial(int64_t n) {
  double product = 1;
  for (int64_t i = 2; i <= n; ++i) product *= static_cast<double>(i);
  return product;
}

double choices(int64_t n, int64_t k) {
  double product = 1;
  for (int64_t i = 1; i <= k; ++i)
    product = std::round(product * static_cast<double>(n - k + i) / static_cast<double>(i));
  return product;
}

double window_orders(int64_t depth, int64_t window) {
  return std::pow(factorial(window), static_cast<double>(depth / window)) * factorial(depth % window);
}

void check(int64_t depth, const ProbeConfig& config) {
  if (depth < 1 || depth > kMostBlocks)
    fail_usage("probe: expected a stack of 1 to ", kMostBlocks, " blocks, got ", depth);
  if (config.exhaustive && depth > kMostExhaustive)
    fail_usage("probe: all orders can be run for up to ", kMostExhaustive, " blocks, this stack has ", depth,
               "; leave exhaustive off");
  const auto at_least = [](const char* name, int64_t value, int64_t least) {
    if (value < least) fail_usage("probe: ", name, " must be at least ", least, ", got ", value);
  };
  const auto between = [&](const char* name, int64_t value, int64_t least) {
    at_least(name, value, least);
    if (value > kMostRoutes) fail_usage("probe: ", name, " must be at most ", kMostRoutes, ", got ", value);
  };
  at_least("images", config.images, 0);
  at_least("batch", config.batch, 1);
  between("orders", config.orders, 2);
  between("distances", config.distances, 2);
  between("per_distance", config.per_distance, 1);
  between("subsets", config.subsets, 1);
  between("map_orders", config.map_orders, 1);
  at_least("map_images", config.map_images, 0);
  at_least("timing_images", config.timing_images, 0);
  at_least("neuron_groups", config.neuron_groups, 0);
  at_least("choice_images", config.choice_images, 0);
  for (const int64_t window : config.windows) at_least("each of windows", window, 2);
  if (!(config.confidence > 0 && config.confidence < 1))
    fail_usage("probe: confidence must lie between 0 and 1, got ", config.confidence);
}

class Planner {
 public:
  Planner(int64_t depth, const ProbeConfig& config, const BlockWidths& widths)
      : depth_(depth), config_(config), widths_(widths), random_(config.seed) {}

  ProbePlan plan() {
    plan_.in_order = add(identity(depth_));
    plan_.orders = orders();
    add_distances();
    add_missing();
    for (int64_t block = 0; block < depth_; ++block) plan_.without.push_back(add(without(block)));
    if (config_.exits)
      for (int64_t run = 0; run <= depth_; ++run) plan_.exits.push_back(add(identity(run)));
    if (config_.pairs)
      for (int64_t stays = 0; stays < depth_; ++stays)
        for (int64_t moves = 0; moves < depth_; ++moves)
          plan_.pairs.push_back(stays == moves ? -1 : add(side_by_side(stays, moves)));
    if (config_.heads) plan_.heads = switched_off(Limit::Kind::heads, widths_.heads, widths_.heads);
    plan_.neurons =
        switched_off(Limit::Kind::neurons, widths_.neurons, std::min(config_.neuron_groups, widths_.neurons));
    for (const int64_t window : config_.windows) {
      if (window >= depth_) continue;
      const SamplerConfig sampler{.kind = "shuffle", .window = window};
      plan_.windows.push_back(
          {window, group(window_orders(depth_, window), config_.orders, random_.fork(kWindows).fork(window),
                         [&](Random random) { return draw(sampler, depth_, 1, random).route; })});
    }
    return std::move(plan_);
  }

 private:
  int32_t add(const Route& route) {
    const auto [place, fresh] = index_.emplace(route, static_cast<int32_t>(plan_.routes.size()));
    if (fresh) plan_.routes.push_back(route);
    return place->second;
  }

  // Draws until there are `count` different routes, or all there are.
  template <class DrawOne>
  RouteGroup group(double population, int64_t count, const Random& random, DrawOne&& draw_one) {
    RouteGroup group{.population = population};
    const double wanted = std::min(population, static_cast<double>(count));
    std::set<int32_t> seen;
    for (uint64_t i = 0; static_cast<double>(seen.size()) < wanted; ++i) {
      const int32_t route = add(draw_one(random.fork(i)));
      if (seen.insert(route).second) group.routes.push_back(route);
    }
    return group;
  }

  RouteGroup orders() {
    if (!config_.exhaustive)
      return group(factorial(depth_), config_.orders, random_.fork(kOrders),
                   [&](const Random& random) { return random_orders(depth_, 1, random).front(); });
    RouteGroup all{.population = factorial(depth_)};
    for (const Route& route : all_orders(depth_)) all.routes.push_back(add(route));
    return all;
  }

  void add_distances() {
    const Inversions inversions(depth_);
    const int64_t most = inversions.most(), steps = std::min(config_.distances - 1, most);
    for (int64_t i = 0; i <= steps; ++i) {
      const int64_t inverted = steps > 0 ? (most * i + steps / 2) / steps : 0;
      RouteGroup orders =
          group(inversions.orders(inverted), config_.per_distance, random_.fork(kDistances).fork(inverted),
                [&](const Random& random) { return inversions.draw(inverted, random); });
      // Random orders of this distance are as likely as any other of it, and are scored anyway.
      for (const int32_t route : plan_.orders.routes)
        if (inversions_of(route, most) == inverted &&
            std::find(orders.routes.begin(), orders.routes.end(), route) == orders.routes.end())
          orders.routes.push_back(route);
      plan_.distances.push_back(
          {most > 0 ? static_cast<double>(inverted) / static_cast<double>(most) : 0, std::move(orders)});
    }
  }

  int64_t inversions_of(int32_t route, int64_t most) const {
    return std::llround(kendall_tau_distance(plan_.routes[route]) * static_cast<double>(most));
  }

  void add_missing() {
    for (int64_t missing = 0; missing <= depth_; ++missing) {
      const int64_t kept = depth_ - missing;
      // Each single block is left out once: those routes are needed anyway.
      const int64_t in_order = missing == 1 ? std::max(config_.subsets, depth_) : config_.subsets;
      const auto subsets = [&](Purpose purpose, bool shuffled, double population, int64_t count) {
        return group(population, count, random_.fork(purpose).fork(missing), [&, shuffled](const Random& random) {
          return random_subsets(depth_, kept, 1, shuffled, random).front();
        });
      };
      const double sets = choices(depth_, kept);
      plan_.missing_in_order.push_back(subsets(kMissingInOrder, false, sets, in_order));
      plan_.missing_any_order.push_back(
          missing == 0 ? plan_.orders : subsets(kMissingAnyOrder, true, sets * factorial(kept), config_.subsets));
    }
  }

  // [depth, groups]: each group of members of each block left out alone.
  std::vector<int32_t> switched_off(Limit::Kind kind, int64_t members, int64_t groups) {
    std::vector<int32_t> routes;
    for (int64_t block = 0; block < depth_ && groups > 1; ++block)
      for (int64_t group = 0; group < groups; ++group) {
        Limit limit{.kind = kind};
        for (int64_t member = 0; member < members; ++member)
          if (member * groups / members != group) limit.members.push_back(static_cast<int32_t>(member));
        Route route = identity(depth_);
        route.steps[block][0].limits = {limit};
        routes.push_back(add(route));
      }
    return routes;
  }

  Route without(int64_t block) const {
    Route route = identity(depth_);
    route.steps.erase(route.steps.begin() + block);
    return route;
  }

  Route side_by_side(int64_t stays, int64_t moves) const {
    Route route = identity(depth_);
    Step& step = route.steps[stays];
    step.insert(moves < stays ? step.begin() : step.end(), Call{.block = static_cast<int32_t>(moves)});
    route.steps.erase(route.steps.begin() + moves);
    return route;
  }

  int64_t depth_;
  const ProbeConfig& config_;
  BlockWidths widths_;
  Random random_;
  ProbePlan plan_;
  std::unordered_map<Route, int32_t> index_;
};

}  // namespace

ProbePlan plan_probe(int64_t depth, const ProbeConfig& config, const BlockWidths& widths) {
  check(depth, config);
  return Planner(depth, config, widths).plan();
}

}  // namespace strata
