#include "strata/text/stop_strings.h"

#include <gtest/gtest.h>

#include "strata/base/random.h"

namespace strata {
namespace {

TEST(StopStrings, AreFoundAcrossPieces) {
  StopStrings stops({"END", "", "\n\n"});
  EXPECT_EQ(stops.push("one E"), "one ");
  EXPECT_EQ(stops.push("N"), "");
  EXPECT_EQ(stops.push("E\n"), "ENE");
  EXPECT_EQ(stops.push("x"), "\nx");
  EXPECT_EQ(stops.push("yE"), "y");
  EXPECT_EQ(stops.push("ND and more"), "");
  EXPECT_TRUE(stops.stopped());
  EXPECT_EQ(stops.found(), "END");
  EXPECT_EQ(stops.push("more"), "");
  EXPECT_EQ(stops.finish(), "");
}

TEST(StopStrings, WhatIsHeldComesAtTheEnd) {
  StopStrings stops({"</s>"});
  EXPECT_EQ(stops.push("a</"), "a");
  EXPECT_EQ(stops.finish(), "</");
  EXPECT_FALSE(stops.stopped());
}

TEST(StopStrings, PiecesDoNotMatter) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    std::string text;
    for (int i = 0; i < 20; ++i) text += static_cast<char>('a' + random.below(2));
    const std::vector<std::string> stops = {"aabab", "bbbb", "abba"};
    size_t first = text.size();
    for (const auto& stop : stops) first = std::min(first, text.find(stop));
    StopStrings found(stops);
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const size_t length = 1 + random.below(4);
      out += found.push(std::string_view(text).substr(at, length));
      at += length;
    }
    out += found.finish();
    EXPECT_EQ(out, text.substr(0, first)) << text;
    EXPECT_EQ(found.stopped(), first < text.size());
  }
}

}  // namespace
}  // namespace strata
