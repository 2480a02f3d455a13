#include "strata/route/route.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "strata/base/error.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"
#include "tests/route/generate_route.h"

namespace strata {
namespace {

RC_GTEST_PROP(RoutePrefix, Laws, ()) {
  const Route a = *rc::gen::resize(12, testing::a_route());
  const Route b = *rc::gen::oneOf(rc::gen::resize(12, testing::a_route()),
                                  rc::gen::map(rc::gen::resize(4, testing::a_route()), [&](Route tail) {
                                    tail.steps.insert(tail.steps.begin(), a.steps.begin(), a.steps.end());
                                    return tail;
                                  }));
  const size_t common = common_prefix(a, b);
  RC_ASSERT(common == common_prefix(b, a));
  RC_ASSERT(prefix(a, common) == prefix(b, common));
  RC_ASSERT(prefix_key(a, common) == prefix_key(b, common));
  if (common < a.steps.size() && common < b.steps.size()) {
    RC_ASSERT(a.steps[common] != b.steps[common]);
    RC_ASSERT(prefix_key(a, common + 1) != prefix_key(b, common + 1));
  }
  for (size_t steps = 0; steps <= a.steps.size(); ++steps) {
    RC_ASSERT(is_prefix(prefix(a, steps), a));
    RC_ASSERT(is_prefix(a, prefix(a, steps)) == (steps == a.steps.size()));
    RC_ASSERT(is_prefix(prefix(a, steps), b) == (steps <= common));
  }
  RC_ASSERT(prefix(a, a.steps.size() + 7) == a);
}

TEST(RoutePrefix, KeysTellApartWhatRanBefore) {
  const Route route = parse_route("0-1,2.mixer,2.ffn,b:3[heads=0],3");
  const std::vector<std::string> keys = {"none",
                                         "0",
                                         "0-1",
                                         "0-1,2.mixer",
                                         "0-1,2.mixer,2.ffn",
                                         "0-1,2.mixer,2.ffn,b:3[heads=0]",
                                         "0-1,2.mixer,2.ffn,b:3[heads=0],3"};
  for (size_t steps = 0; steps < keys.size(); ++steps) EXPECT_EQ(prefix_key(route, steps), keys[steps]);
}

TEST(Route, OccurrencesCountPerSourceBlockAndPart) {
  EXPECT_EQ(occurrences(parse_route("2,2,2.ffn,b:2,2+2,2[heads=0],b:2,3")),
            (std::vector<std::vector<int32_t>>{{0}, {1}, {0}, {0}, {2, 3}, {4}, {1}, {0}}));
  EXPECT_TRUE(occurrences({}).empty());
}

TEST(Route, HashesAsAKey) {
  const std::unordered_set<Route> routes = {identity(3), sequence({0, 1, 2}), parse_route("0-2"), sequence({0, 2, 1})};
  EXPECT_EQ(routes.size(), 2U);
  EXPECT_EQ(hash_of(identity(12)), hash_of(parse_route("0-5,6-11")));
}

TEST(Route, IdentityIsBounded) {
  EXPECT_EQ(identity(0), Route{});
  EXPECT_EQ(std::ssize(identity(kMaxRouteSteps).steps), kMaxRouteSteps);
  EXPECT_THROW(identity(kMaxRouteSteps + 1), Error);
  EXPECT_THROW(identity(-1), Error);
}

TEST(Route, HandMadeRoutesAreChecked) {
  const auto heads = [](Limit limit) { return Route{{{{.block = 0, .limits = {std::move(limit)}}}}}; };
  const std::vector<std::pair<Route, std::string>> cases = {
      {{{{}}}, "route step 1: expected at least one call"},
      {sequence({0, -1}), "route step 2: expected a block index from 0 to 65535, found -1"},
      {sequence({65536}), "route step 1: expected a block index from 0 to 65535, found 65536"},
      {{{{{.source = "a b"}}}}, "expected a source name"},
      {{{{{.source = std::string(65, 'a')}}}}, "expected a source name"},
      {{{{{.part = "ffnx2"}}}}, "expected a part name"},
      {{{{{.part = "2"}}}}, "expected a part name"},
      {heads({}), "expected at least one member"},
      {heads({.members = {1, 1}}), "expected ascending members, each once"},
      {heads({.members = {2, 1}}), "expected ascending members, each once"},
      {heads({.members = {-1}}), "expected members from 0 to 1048575, found -1 to -1"},
      {heads({.members = {0, 1 << 20}}), "expected members from 0 to 1048575, found 0 to 1048576"},
      {heads({.members = {1}, .percent = 5}), "expected a selector"},
      {heads({.percent = 0, .selector = "p"}), "expected a percentage from 1 to 100, found 0"},
      {heads({.percent = 101, .selector = "p"}), "expected a percentage from 1 to 100, found 101"},
      {heads({.percent = 5, .selector = "p q"}), "expected a selector name"},
      {heads({.members = {1}, .percent = 5, .selector = "p"}), "found both"},
      {{{{{.limits = {{.kind = Limit::Kind::inputs, .members = {0}}, {.members = {0}}}}}}},
       "found inputs before heads"},
      {{{{{.limits = {{.members = {0}}, {.members = {0}}}}}}}, "found heads before heads"},
      {{std::vector<Step>(kMaxRouteSteps + 1, Step(1))}, "expected at most 65536 steps, found 65537"},
      {{{Step(kMaxRouteCalls + 1)}}, "expected at most 65536 calls, found 65537"},
  };
  for (const auto& [route, message] : cases) {
    try {
      check_well_formed(route);
      ADD_FAILURE() << "accepted; expected: " << message;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
    }
  }
  Limit full{.members = std::vector<int32_t>(kMaxLimitMember + 1)};
  for (int32_t i = 0; i <= kMaxLimitMember; ++i) full.members[i] = i;
  EXPECT_NO_THROW(check_well_formed({std::vector<Step>(4, {{.block = 0, .limits = {full}}})}));
  EXPECT_THROW(check_well_formed({std::vector<Step>(5, {{.block = 0, .limits = {full}}})}), Error);
}

}  // namespace
}  // namespace strata
