#include "strata/eval/score.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/models/vit.h"
#include "strata/ops/loss.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/route/sampler.h"

namespace strata {
namespace {

constexpr int64_t kDepth = 6;

VitConfig small_config() {
  VitConfig config = vit_size("fashion");
  config.image_height = config.image_width = 14;
  config.channels = 12;
  config.hidden = 24;
  config.depth = kDepth;
  config.init_std = 0.2;  // far from a uniform guess
  return config;
}

ImageSet random_set(int64_t count) {
  at::manual_seed(1);
  return {.pixels = at::randint(256, {count, 1, 14, 14}, at::kByte), .labels = at::randint(10, {count}, at::kLong)};
}

std::vector<Route> mixed_routes() {
  std::vector<Route> routes;
  for (const char* text :
       {"0-5", "none", "0-2", "5,4,3,2,1,0", "0-5", "0,1+2,3-5", "0,1+2,4", "0.mixer,1-5", "0.mixer+0.ffn,1-5",
        "0.mixer,0.ffn,1-5", "2x6", "0-2x2", "none", "0-5[heads=0,2]", "0[neurons=0-3],1-5", "0,1+1,2"})
    routes.push_back(parse_route(text));
  for (const char* kind : {"shuffle", "drop", "shuffle_drop"})
    for (int i = 0; i < 10; ++i)
      routes.push_back(draw({.kind = kind, .window = kind[0] == 's' ? 2 : 0}, kDepth, 1, Random(3).fork(i)).route);
  return routes;
}

TEST(Score, IsTheMeanOverTheWholeSet) {
  const Stack stack = make_vit(small_config(), Random(1));
  const ImageSet set = random_set(37);
  const Tensor logits = run(stack, identity(kDepth), image_stream(normalised(set.pixels, {}))).x();
  const Score whole = score(stack, identity(kDepth), set, {});
  EXPECT_EQ(whole.samples, 37);
  EXPECT_NEAR(whole.loss, ops::cross_entropy(logits, set.labels).item<double>(), 1e-6);
  EXPECT_DOUBLE_EQ(whole.accuracy, logits.argmax(1).eq(set.labels).to(at::kDouble).mean().item<double>());
  const Score parts = score(stack, identity(kDepth), set, {}, 10);  // 10, 10, 10, 7
  EXPECT_EQ(parts.samples, 37);
  EXPECT_NEAR(parts.loss, whole.loss, 1e-6);
  EXPECT_DOUBLE_EQ(parts.accuracy, whole.accuracy);
}

TEST(ScoreRoutes, BitIdenticalToOneByOne) {
  const Stack stack = make_vit(small_config(), Random(1));
  const ImageSet set = random_set(9);
  const auto routes = mixed_routes();
  TrieReport shared, apart;
  const auto together = score_routes(stack, routes, set, {}, 5, &shared);
  const auto separate = score_routes(stack, routes, set, {}, 5, &apart, false);
  ASSERT_EQ(together.size(), routes.size());
  for (size_t i = 0; i < routes.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(together[i], separate[i]);
    EXPECT_EQ(together[i], score(stack, routes[i], set, {}, 5));
  }
  EXPECT_EQ(together[0], together[4]);
  EXPECT_NE(together[0], together[3]);
  EXPECT_LT(shared.cost, shared.cost_one_by_one);
  EXPECT_DOUBLE_EQ(apart.cost, apart.cost_one_by_one);
  EXPECT_DOUBLE_EQ(shared.cost_one_by_one, apart.cost_one_by_one);
}

TEST(ScoreRoutes, CountsBlockPasses) {
  const Stack stack = make_vit(small_config(), Random(1));
  const auto cost_of = [&](const std::vector<const char*>& texts) {
    std::vector<Route> routes;
    for (const char* text : texts) routes.push_back(parse_route(text));
    TrieReport report;
    score_routes(stack, routes, random_set(2), {}, 2, &report);
    return std::pair(report.cost, report.cost_one_by_one);
  };
  EXPECT_EQ(cost_of({"0-5", "0-5", "0-3"}), std::pair(6.0, 16.0));
  EXPECT_EQ(cost_of({"0,1,2", "0,2,1", "none"}), std::pair(5.0, 6.0));
  EXPECT_EQ(cost_of({"0.mixer,0.ffn", "0.mixer,1+2"}), std::pair(3.0, 3.5));
}

TEST(ScoreRoutes, OtherStacksAsSources) {
  const Stack a = make_vit(small_config(), Random(1)), b = make_vit(small_config(), Random(2));
  const StackSources sources{{"a", &a}, {"b", &b}};
  const ImageSet set = random_set(20);
  const auto scores = score_routes(a, {identity(kDepth), parse_route("a:0-5"), parse_route("a:0-2,b:3-5")}, set, {}, 20,
                                   nullptr, true, &sources);
  EXPECT_EQ(scores[0], scores[1]);
  EXPECT_NE(scores[0], scores[2]);
  EXPECT_THROW(score_routes(a, {parse_route("c:0")}, set, {}, 20, nullptr, true, &sources), Error);
}

TEST(ScoreRoutes, LeavesNoGradientsBehindAndChangesNoWeights) {
  const Stack stack = make_vit(small_config(), Random(1));
  for (const auto& entry : stack.weights.entries()) entry.value.requires_grad_(true);
  const Score before = score(stack, identity(kDepth), random_set(8), {});
  EXPECT_EQ(score(stack, identity(kDepth), random_set(8), {}), before);
  for (const auto& entry : stack.weights.entries()) EXPECT_FALSE(entry.value.grad().defined());
  // Training goes on afterwards.
  const ImageSet set = random_set(8);
  ops::cross_entropy(run(stack, identity(kDepth), image_stream(normalised(set.pixels, {}))).x(), set.labels).backward();
  EXPECT_TRUE(stack.weights.at("head.weight").grad().defined());
}

TEST(ScoreRoutes, RefusesRoutesThatDoNotFit) {
  const Stack stack = make_vit(small_config(), Random(1));
  EXPECT_THROW(score_routes(stack, {parse_route("0-6")}, random_set(2), {}), Error);
  EXPECT_THROW(score(stack, identity(kDepth), random_set(2), {}, 0), UsageError);
  EXPECT_TRUE(score_routes(stack, {}, random_set(2), {}).empty());
  ImageSet set = random_set(2);
  set.labels = at::tensor({3, 10}, at::kLong);
  EXPECT_THROW(score(stack, identity(kDepth), set, {}), Error);
}

}  // namespace
}  // namespace strata
