#include "strata/base/suggest.h"

#include <gtest/gtest.h>

#include <vector>

namespace strata {
namespace {

TEST(Suggest, NearestNameOnly) {
  const std::vector<std::string> names = {"steps", "stop", "batch"};
  EXPECT_EQ(suggestion("stepz", names), " (did you mean 'steps'?)");
  EXPECT_EQ(suggestion("bath", names), " (did you mean 'batch'?)");
  EXPECT_EQ(suggestion("learning_rate", names), "");
  EXPECT_EQ(suggestion(std::string(1 << 20, 'a'), names), "");
}

TEST(Suggest, QuotesWithoutControlCharacters) {
  EXPECT_EQ(in_quotes("a b"), "'a b'");
  EXPECT_EQ(in_quotes("a\x1b[2Jb\n"), "'a?[2Jb?'");
  EXPECT_EQ(in_quotes(std::string(300, 'x')), "'" + std::string(200, 'x') + "...'");
}

TEST(Suggest, JoinsNames) {
  const std::vector<std::string> names = {"a", "b", "c"};
  EXPECT_EQ(join_names(names), "a, b, c");
  EXPECT_EQ(join_names(names, 2), "a, b, ... (3 in all)");
  EXPECT_EQ(join_names({}), "");
}

}  // namespace
}  // namespace strata
