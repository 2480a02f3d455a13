#include "strata/route/trie.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"
#include "tests/route/generate_route.h"

namespace strata {
namespace {

RC_GTEST_PROP(RouteTrie, EveryDistinctPrefixIsOneNode, ()) {
  const std::vector<Route> routes = *testing::some_routes();
  const Trie trie = make_trie(routes);
  std::set<std::string> prefixes;
  double calls = 0;
  double calls_once = 0;
  for (const auto& route : routes)
    for (size_t steps = 0; steps <= route.steps.size(); ++steps) {
      const bool fresh = prefixes.insert(prefix_key(route, steps)).second;
      if (steps == 0) continue;
      const auto width = static_cast<double>(route.steps[steps - 1].size());
      calls += width;
      if (fresh) calls_once += width;
    }
  RC_ASSERT(trie.nodes.size() == (routes.empty() ? 1 : prefixes.size()));
  RC_ASSERT(cost(trie) == calls_once);
  RC_ASSERT(cost_one_by_one(trie) == calls);

  std::vector<int> ends(routes.size());
  for (size_t node = 0; node < trie.nodes.size(); ++node)
    for (const int32_t route : trie.nodes[node].routes) {
      ++ends[route];
      RC_ASSERT(route_to(trie, static_cast<int32_t>(node)) == routes[route]);
    }
  RC_ASSERT(ends == std::vector<int>(routes.size(), 1));
}

// Plays an evaluator whose streams are the texts of what ran, kept one per depth.
RC_GTEST_PROP(RouteTrie, OneStreamPerDepthIsEnough, ()) {
  const std::vector<Route> routes = *testing::some_routes();
  const Trie trie = make_trie(routes);
  std::vector<std::string> streams = {"embed"};
  std::vector<bool> usable = {true};
  std::set<int32_t> seen;
  for (const auto& visit : depth_first(trie)) {
    const auto& node = trie.nodes[visit.node];
    const size_t depth = node.depth;
    RC_ASSERT(depth <= streams.size());
    RC_ASSERT(usable[depth - 1]);
    streams.resize(depth + 1);
    usable.resize(depth + 1);
    streams[depth] = streams[depth - 1] + " " + print_step(node.step);
    usable[depth] = true;
    if (visit.last) usable[depth - 1] = false;
    std::string expected = "embed";
    for (const auto& step : route_to(trie, visit.node).steps) expected += " " + print_step(step);
    RC_ASSERT(streams[depth] == expected);
    RC_ASSERT(seen.insert(visit.node).second);
  }
  RC_ASSERT(seen.size() + 1 == trie.nodes.size());
}

TEST(RouteTrie, ChildrenInFirstSeenOrder) {
  const Trie trie = make_trie({parse_route("2,0"), parse_route("1"), parse_route("2,1"), parse_route("2,0"), {}});
  std::vector<std::string> order;
  std::vector<bool> last;
  for (const auto& visit : depth_first(trie)) {
    order.push_back(print_route(route_to(trie, visit.node)));
    last.push_back(visit.last);
  }
  EXPECT_EQ(order, (std::vector<std::string>{"2", "2,0", "2,1", "1"}));
  EXPECT_EQ(last, (std::vector<bool>{false, false, true, true}));
  EXPECT_EQ(trie.nodes[0].routes, std::vector<int32_t>{4});
  EXPECT_EQ(trie.nodes[2].routes, (std::vector<int32_t>{0, 3}));
  EXPECT_EQ(trie.routes, 5);
}

TEST(RouteTrie, AllOrdersOfSix) {
  // Nodes at depth d: 6!/(6-d)!
  const Trie trie = make_trie(all_orders(6));
  EXPECT_EQ(cost(trie), 6 + 30 + 120 + 360 + 720 + 720);
  EXPECT_EQ(cost_one_by_one(trie), 720 * 6);
}

TEST(RouteTrie, ALongRouteDoesNotOverflowTheStack) {
  const Trie trie = make_trie({identity(kMaxRouteSteps)});
  EXPECT_EQ(std::ssize(depth_first(trie)), kMaxRouteSteps);
}

}  // namespace
}  // namespace strata
