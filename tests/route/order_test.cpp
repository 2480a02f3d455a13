#include "strata/route/order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "strata/base/error.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"

namespace strata {
namespace {

TEST(RouteOrder, KendallTau) {
  EXPECT_EQ(kendall_tau_distance(identity(12)), 0);
  EXPECT_EQ(kendall_tau_distance(parse_route("3,2,1,0")), 1);
  EXPECT_DOUBLE_EQ(kendall_tau_distance(parse_route("3,1,2,0")), 5.0 / 6);
  EXPECT_DOUBLE_EQ(kendall_tau_distance(parse_route("0,2,1,3")), 1.0 / 6);
  EXPECT_DOUBLE_EQ(kendall_tau_distance(parse_route("9,2,5")), 2.0 / 3);  // missing blocks do not matter
  EXPECT_DOUBLE_EQ(kendall_tau_distance(parse_route("1,1,0")), 1);        // a block has no order with itself
  EXPECT_DOUBLE_EQ(kendall_tau_distance(parse_route("0,2+1,3")), 0);      // nor has what runs side by side
  EXPECT_EQ(kendall_tau_distance(parse_route("5")), 0);
  EXPECT_EQ(kendall_tau_distance({}), 0);
}

TEST(RouteOrder, KendallTauOfAllOrdersAveragesToHalf) {
  double sum = 0;
  const auto orders = all_orders(5);
  for (const auto& order : orders) sum += kendall_tau_distance(order);
  EXPECT_NEAR(sum / static_cast<double>(orders.size()), 0.5, 1e-12);
}

TEST(RouteOrder, AllOrders) {
  EXPECT_EQ(all_orders(0), std::vector<Route>{{}});
  const auto orders = all_orders(3);
  ASSERT_EQ(orders.size(), 6U);
  EXPECT_EQ(orders.front(), sequence({0, 1, 2}));
  EXPECT_EQ(orders[1], sequence({0, 2, 1}));
  EXPECT_EQ(orders.back(), sequence({2, 1, 0}));
  std::set<std::string> distinct;
  for (const auto& order : all_orders(8)) distinct.insert(print_route(order));
  EXPECT_EQ(distinct.size(), 40320U);
  EXPECT_THROW(all_orders(9), Error);
}

TEST(RouteOrder, RandomSubsetsAreUniform) {
  for (const bool shuffled : {false, true}) {
    std::map<std::string, int> counts;
    const auto routes = random_subsets(4, 2, 12000, shuffled, Random(5));
    for (const auto& route : routes) ++counts[print_route(route)];
    const size_t kinds = shuffled ? 12 : 6;
    ASSERT_EQ(counts.size(), kinds);
    const double expected = 12000.0 / static_cast<double>(kinds);
    double chi = 0;
    for (const auto& [text, count] : counts) chi += (count - expected) * (count - expected) / expected;
    EXPECT_LT(chi, shuffled ? 37.37 : 25.74);  // p > 1e-4 at 11 and 5 degrees of freedom
  }
  EXPECT_EQ(random_subsets(4, 2, 5, true, Random(1)), random_subsets(4, 2, 5, true, Random(1)));
  EXPECT_EQ(random_subsets(3, 0, 2, false, Random(1)), std::vector<Route>(2));
  EXPECT_THROW(random_subsets(3, 4, 1, false, Random(1)), Error);
}

TEST(RouteOrder, RandomOrdersHoldEveryBlockOnce) {
  for (const auto& route : random_orders(7, 50, Random(2))) {
    auto steps = route.steps;
    std::sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a[0].block < b[0].block; });
    EXPECT_EQ(Route{steps}, identity(7));
  }
}

TEST(RouteOrder, MergesTakeBlocksFromAllModels) {
  const auto same = random_merges(5, {"", "b"}, 200, false, Random(1));
  ASSERT_EQ(same.size(), 200U);
  int64_t own = 0;
  for (const Route& route : same) {
    ASSERT_EQ(route.steps.size(), 5U);
    for (int32_t slot = 0; slot < 5; ++slot) {
      EXPECT_EQ(route.steps[slot][0].block, slot);
      own += route.steps[slot][0].source.empty();
    }
  }
  EXPECT_NEAR(static_cast<double>(own), 500, 4 * std::sqrt(1000 * 0.25));
  std::set<std::string> seen;
  for (const Route& route : random_merges(5, {"a", "b"}, 200, true, Random(1))) {
    std::set<std::pair<std::string, int32_t>> blocks;
    for (const Step& step : route.steps) blocks.emplace(step[0].source, step[0].block);
    EXPECT_EQ(blocks.size(), 5U);  // none twice
    seen.insert(print_step(route.steps[0]));
  }
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_EQ(random_merges(5, {"a", "b"}, 3, true, Random(1)), random_merges(5, {"a", "b"}, 3, true, Random(1)));
  EXPECT_THROW(random_merges(5, {}, 1, false, Random(1)), Error);
}

}  // namespace
}  // namespace strata
