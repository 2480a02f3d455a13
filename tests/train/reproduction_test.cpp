#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "strata/train/suite.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

struct Means {
  double sequential = 0, arbitrary = 0, sd = 0, three_missing = 0;  // per cent
};

Means over_seeds(const SuiteResult& result, const std::string& recipe) {
  Means sum;
  double count = 0;
  for (const auto& run : result.runs) {
    if (run.recipe != recipe) continue;
    sum.sequential += 100 * run.sequential.accuracy;
    sum.arbitrary += 100 * run.arbitrary.mean;
    sum.sd += 100 * run.arbitrary.sd;
    sum.three_missing += 100 * run.pruned.back().mean;
    ++count;
  }
  return {sum.sequential / count, sum.arbitrary / count, sum.sd / count, sum.three_missing / count};
}

// What LayerShuffle (arXiv 2407.04513) and LayerDrop (arXiv 1909.11556) are for, at the smallest size that shows it:
// three seeds, means over them. About three minutes on two free cores.
TEST(SlowReproduction, ShuffledTrainingMakesOrdersAlike) {
  const TemporaryFolder folder;
  const SuiteConfig suite{.name = "reproduction",
                          .recipes = {"fashion/plain", "fashion/layerdrop", "fashion/layershuffle"},
                          .seeds = {0, 1, 2},
                          .overrides = {"data.test_limit=2000"}};
  ASSERT_EQ(suite.removed.back(), 3);
  const SuiteResult result = run_suite(suite, {.run_folder = folder.path(), .quiet = true});
  const Means plain = over_seeds(result, "plain"), drop = over_seeds(result, "layerdrop"),
              shuffle = over_seeds(result, "layershuffle");
  EXPECT_LE(plain.arbitrary, plain.sequential - 30);
  EXPECT_NEAR(shuffle.arbitrary, shuffle.sequential, 3);
  EXPECT_LE(shuffle.sd, 2);
  EXPECT_GE(shuffle.arbitrary, 73);
  EXPECT_GE(shuffle.arbitrary, plain.arbitrary + 30);
  EXPECT_GT(drop.arbitrary, plain.arbitrary);
  EXPECT_LT(drop.arbitrary, shuffle.arbitrary);
  EXPECT_GE(std::min(drop.three_missing, shuffle.three_missing), plain.three_missing + 4);
}

}  // namespace
}  // namespace strata
