#include "strata/route/inversions.h"

#include <gtest/gtest.h>

#include <map>

#include "strata/base/error.h"
#include "strata/route/order.h"
#include "strata/route/print.h"

namespace strata {
namespace {

TEST(Inversions, CountsAreThoseOfAllOrders) {
  for (int64_t blocks = 0; blocks <= 6; ++blocks) {
    const Inversions inversions(blocks);
    std::map<int64_t, double> counted;
    for (const Route& order : all_orders(blocks))
      ++counted[static_cast<int64_t>(kendall_tau_distance(order) * static_cast<double>(inversions.most()) + 0.5)];
    for (int64_t k = 0; k <= inversions.most(); ++k) EXPECT_EQ(inversions.orders(k), counted[k]) << blocks << " " << k;
    EXPECT_EQ(inversions.orders(-1), 0);
    EXPECT_EQ(inversions.orders(inversions.most() + 1), 0);
  }
}

TEST(Inversions, DrawsHaveTheDistanceAskedFor) {
  for (const int64_t blocks : {1, 2, 5, 12, 40, 128}) {
    const Inversions inversions(blocks);
    for (int64_t i = 0; i <= 8; ++i) {
      const int64_t wanted = inversions.most() * i / 8;
      const Route order = inversions.draw(wanted, Random(3).fork(i));
      EXPECT_EQ(std::ssize(order.steps), blocks);
      const double distance = blocks > 1 ? static_cast<double>(wanted) / static_cast<double>(inversions.most()) : 0;
      EXPECT_DOUBLE_EQ(kendall_tau_distance(order), distance) << blocks << " blocks, " << wanted;
    }
  }
}

TEST(Inversions, DrawsAreUniform) {
  const Inversions inversions(4);  // 1, 3, 5, 6, 5, 3, 1 orders
  constexpr int kDraws = 6000;
  std::map<std::string, int> seen;
  for (uint64_t i = 0; i < kDraws; ++i) ++seen[print_route(inversions.draw(3, Random(1).fork(i)))];
  ASSERT_EQ(seen.size(), 6);
  double chi_square = 0;
  for (const auto& [route, count] : seen) chi_square += (count - 1000.0) * (count - 1000.0) / 1000;
  EXPECT_LT(chi_square, 25.7);  // 5 degrees of freedom, p = 1e-4
}

TEST(Inversions, RefusesWhatThereIsNot) {
  EXPECT_THROW(Inversions(129), Error);
  EXPECT_THROW(Inversions(-1), Error);
  EXPECT_THROW(Inversions(4).draw(7, Random(0)), Error);
}

}  // namespace
}  // namespace strata
