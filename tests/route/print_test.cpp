#include "strata/route/print.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "strata/route/parse.h"
#include "tests/route/generate_route.h"

namespace strata {
namespace {

RC_GTEST_PROP(RoutePrint, TextReadsBackAsTheSameRoute, (const Route& route)) {
  check_well_formed(route);
  RC_ASSERT(parse_route(print_route(route)) == route);
}

RC_GTEST_PROP(RoutePrint, StepByStepTextPrintsTheSame, (const Route& route)) {
  RC_PRE(!route.steps.empty());
  std::string text;
  for (const auto& step : route.steps) text += (text.empty() ? " " : " ,  ") + print_step(step);
  const Route again = parse_route(text);
  RC_ASSERT(again == route);
  RC_ASSERT(print_route(again) == print_route(route));
}

RC_GTEST_PROP(RoutePrint, DifferentRoutesPrintDifferently, (const Route& a, const Route& b)) {
  RC_ASSERT((print_route(a) == print_route(b)) == (a == b));
  RC_ASSERT((hash_of(a) == hash_of(b)) == (a == b));
}

TEST(RoutePrint, Canonical) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {" none ", "none"},
      {"0,1,2,3", "0-3"},
      {"0-1,2-3", "0-3"},
      {"3,1,2,0", "3,1-2,0"},
      {"0,1,2,0,1,2", "0-2x2"},
      {"0-2,0-2x2", "0-2x3"},
      {"2,2x2,2", "2x4"},
      {"0-0x1", "0"},
      {"0-1,2x3,3", "0-2,2,2-3"},  // longest runs come first, even where a repeat was meant
      {"4+5,4+5", "4+5,4+5"},
      {"0.ffn,1.ffn,2", "0-1.ffn,2"},
      {"a:0,a:1,b:2", "a:0-1,b:2"},
      {"0[inputs=1;heads=2,0,1]", "0[heads=0-2;inputs=1]"},
      {"0[heads=0-3],1[heads=0,1,2,3]", "0-1[heads=0-3]"},
      {"00[neurons=025%@p]", "0[neurons=25%@p]"},
  };
  for (const auto& [text, canonical] : cases) EXPECT_EQ(print_route(parse_route(text)), canonical) << text;
}

}  // namespace
}  // namespace strata
