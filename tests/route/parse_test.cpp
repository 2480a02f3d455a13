#include "strata/route/parse.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "strata/base/error.h"
#include "strata/route/print.h"

namespace strata {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_route(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "parsed";
}

TEST(RouteParse, MeaningOfEveryForm) {
  EXPECT_EQ(parse_route("none"), Route{});
  EXPECT_EQ(parse_route("0-3"), identity(4));
  EXPECT_EQ(parse_route("3,1,2,0"), sequence({3, 1, 2, 0}));
  EXPECT_EQ(parse_route("0-2x2"), sequence({0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(parse_route("2x6"), sequence({2, 2, 2, 2, 2, 2}));
  EXPECT_EQ(parse_route(" 0-1,  4 , 007 "), sequence({0, 1, 4, 7}));
  EXPECT_EQ(parse_route("0,4+5,6").steps[1], (Step{{.block = 4}, {.block = 5}}));
  EXPECT_EQ(parse_route("4.mixer+4.ffn").steps[0], (Step{{.block = 4, .part = "mixer"}, {.block = 4, .part = "ffn"}}));
  EXPECT_EQ(parse_route("4.ffnx2").steps, (std::vector<Step>(2, Step{{.block = 4, .part = "ffn"}})));
  EXPECT_EQ(parse_route("4.x_x2").steps, (std::vector<Step>(2, Step{{.block = 4, .part = "x_"}})));

  const Route merged = parse_route("a:0-1,b:6");
  EXPECT_EQ(
      merged.steps,
      (std::vector<Step>{{{.source = "a", .block = 0}}, {{.source = "a", .block = 1}}, {{.source = "b", .block = 6}}}));

  const Limit heads{.kind = Limit::Kind::heads, .members = {0, 2, 3, 4}};
  const Limit neurons{.kind = Limit::Kind::neurons, .percent = 25, .selector = "predicted"};
  EXPECT_EQ(parse_route("7.mixer[neurons=25%@predicted;heads=2-4,0]x2").steps,
            (std::vector<Step>(2, Step{{.block = 7, .part = "mixer", .limits = {heads, neurons}}})));
}

TEST(RouteParse, ErrorsNamePositionExpectedAndFound) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "route, position 1: expected a route such as 0-11, or none for no blocks at all, found the end in \"\""},
      {"0-3,x", "route, position 5: expected a block index, or a source name and ':', found 'x' in \"0-3,x\""},
      {"0,none", "route, position 3: expected a block index, or a source name and ':', found 'none' in \"0,none\""},
      {"3-0",
       "route, position 1: expected an ascending range, found 3-0; write blocks in another order one by one, as in "
       "3,2,1 in \"3-0\""},
      {"0-99999999x99999",
       "route, position 3: expected a block index from 0 to 65535, found 99999999 in \"0-99999999x99999\""},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(error_of(text), message);
}

}  // namespace
}  // namespace strata
