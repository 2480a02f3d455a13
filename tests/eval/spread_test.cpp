#include "strata/eval/spread.h"

#include <gtest/gtest.h>

#include <cmath>

#include "strata/base/error.h"
#include "strata/base/random.h"

namespace strata {
namespace {

TEST(Spread, QuantilesAgreeWithTables) {
  // Two-sided, from the usual tables of Student's t and of the normal distribution.
  EXPECT_NEAR(student_t(0.95, 1), 12.7062, 1e-4);
  EXPECT_NEAR(student_t(0.95, 2), 4.30265, 1e-5);
  EXPECT_NEAR(student_t(0.95, 5), 2.57058, 1e-5);
  EXPECT_NEAR(student_t(0.99, 10), 3.16927, 1e-5);
  EXPECT_NEAR(student_t(0.95, 31), 2.03951, 1e-5);
  EXPECT_NEAR(student_t(0.5, 7), 0.711142, 1e-6);
  EXPECT_NEAR(normal_z(0.95), 1.959964, 1e-6);
  EXPECT_NEAR(normal_z(0.6826895), 1, 1e-6);
  EXPECT_NEAR(student_t(0.95, 100000), normal_z(0.95), 1e-4);
}

TEST(Spread, WilsonAgreesWithTheLiterature) {
  // Newcombe 1998, table I: 81 of 263 and 0 of 20.
  const Interval middle = wilson(81.0 / 263, 263, 0.95), none = wilson(0, 20, 0.95);
  EXPECT_NEAR(middle.low, 0.2553, 1e-4);
  EXPECT_NEAR(middle.high, 0.3662, 1e-4);
  EXPECT_DOUBLE_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.1611, 1e-4);
}

TEST(Spread, OfAFewValues) {
  const Spread spread = spread_of({0.2, 0.4, 0.6}, 1e9, 0.95);
  EXPECT_EQ(spread.routes, 3);
  EXPECT_NEAR(spread.mean, 0.4, 1e-15);
  EXPECT_NEAR(spread.sd, 0.2, 1e-15);
  EXPECT_DOUBLE_EQ(spread.least, 0.2);
  EXPECT_DOUBLE_EQ(spread.most, 0.6);
  EXPECT_DOUBLE_EQ(spread.low, 0);  // 0.4 - 4.303 * 0.2 / sqrt(3) is below what an accuracy can be
  EXPECT_NEAR(spread.high, 0.4 + 4.30265 * 0.2 / std::sqrt(3.0), 1e-5);
}

TEST(Spread, ClosesWhenEveryRouteWasMeasured) {
  const Spread all = spread_of({0.2, 0.4, 0.6}, 3, 0.95);
  EXPECT_DOUBLE_EQ(all.low, all.mean);
  EXPECT_DOUBLE_EQ(all.high, all.mean);
  EXPECT_GT(all.sd, 0);
  const Spread most = spread_of({0.2, 0.4, 0.6}, 4, 0.95);
  EXPECT_NEAR(most.high - most.mean, 4.30265 * 0.2 / std::sqrt(3.0) * 0.5, 1e-5);
}

TEST(Spread, OneRouteOfSeveralHasNoInterval) {
  EXPECT_TRUE(std::isnan(spread_of({0.3}, 6, 0.95).low));
  EXPECT_TRUE(std::isnan(spread_of({0.3}, 6, 0.95).high));
  EXPECT_DOUBLE_EQ(spread_of({0.3}, 1, 0.95).low, 0.3);
}

TEST(Spread, EqualValuesHaveNone) {
  const Spread spread = spread_of(std::vector<double>(7, 0.1), 5040, 0.95);
  EXPECT_EQ(spread.mean, 0.1);
  EXPECT_EQ(spread.sd, 0);
  EXPECT_EQ(spread.low, 0.1);
  EXPECT_EQ(spread.high, 0.1);
}

TEST(Spread, IntervalsCoverTheMeanAsOftenAsTheySay) {
  // 8 of 20 values without replacement, 2000 times; 4 sigma around 90 %.
  std::vector<double> population;
  for (int i = 0; i < 20; ++i) population.push_back(0.3 + 0.02 * i);
  const double mean = 0.3 + 0.02 * 9.5;
  int covered = 0;
  for (uint64_t trial = 0; trial < 2000; ++trial) {
    Random random(trial);
    std::vector<double> drawn = population;
    for (size_t left = drawn.size(); left > 1; --left) std::swap(drawn[left - 1], drawn[random.below(left)]);
    drawn.resize(8);
    const Spread spread = spread_of(drawn, 20, 0.9);
    covered += spread.low <= mean && mean <= spread.high;
  }
  EXPECT_NEAR(covered / 2000.0, 0.9, 4 * std::sqrt(0.09 / 2000));
}

TEST(Spread, RefusesNonsense) {
  EXPECT_THROW(spread_of({}, 1, 0.95), Error);
  EXPECT_THROW(spread_of({0.5}, 1, 1), UsageError);
  EXPECT_THROW(wilson(0.5, 0, 0.95), Error);
  EXPECT_THROW(student_t(0.95, 0), Error);
}

}  // namespace
}  // namespace strata
