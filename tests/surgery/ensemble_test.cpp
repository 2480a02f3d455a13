#include "strata/surgery/ensemble.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "tests/surgery/small_model.h"

namespace strata {
namespace {

TEST(Ensemble, MeanDoesNotDependOnTheOrder) {
  at::manual_seed(1);
  for (const int64_t count : {1, 2, 3, 5, 7}) {
    std::vector<Tensor> members;
    for (int64_t i = 0; i < count; ++i) members.push_back(at::randn({4, 3}, at::kFloat) * std::pow(10.0, i));
    const Tensor expected = mean_of(members);
    EXPECT_TRUE(at::allclose(expected, at::stack(members).to(at::kDouble).mean(0).to(at::kFloat), 1e-5, 1e-5));
    for (int shift = 0; shift < count; ++shift) {
      std::rotate(members.begin(), members.begin() + 1, members.end());
      EXPECT_TRUE(at::equal(mean_of(members), expected));
    }
    std::reverse(members.begin(), members.end());
    EXPECT_TRUE(at::equal(mean_of(members), expected));
  }
}

TEST(Ensemble, EqualMembersGiveThatMember) {
  const Tensor member = at::rand({5, 3}, at::kFloat);
  for (const int64_t count : {1, 2, 4, 8}) EXPECT_TRUE(at::equal(mean_of(std::vector<Tensor>(count, member)), member));
}

TEST(Ensemble, HandWorked) {
  const Tensor a = at::tensor({std::log(0.8), std::log(0.2)}, at::kDouble).view({1, 2}),
               b = at::tensor({std::log(0.4), std::log(0.6)}, at::kDouble).view({1, 2});
  const Tensor both = ensemble_log_probabilities({a, b}, Average::probabilities).exp();
  EXPECT_NEAR(both[0][0].item<double>(), 0.6, 1e-15);
  // The mean of logits is the normalised geometric mean: sqrt(.8 .4) / (sqrt(.8 .4) + sqrt(.2 .6)).
  const Tensor geometric = ensemble_log_probabilities({a, b}, Average::logits).exp();
  EXPECT_NEAR(geometric[0][0].item<double>(), std::sqrt(.32) / (std::sqrt(.32) + std::sqrt(.12)), 1e-15);
}

// e^-200 is no float32: as probabilities both members would say 0, and the loss would be infinite.
TEST(Ensemble, SmallProbabilitiesKeepTheirLogarithms) {
  const Tensor a = at::tensor({0.0F, -200.0F}, at::kFloat).view({1, 2}), b = at::tensor({0.0F, -201.0F}).view({1, 2});
  const Tensor both = ensemble_log_probabilities({a, b}, Average::probabilities);
  EXPECT_NEAR(both[0][0].item<double>(), 0, 1e-6);
  EXPECT_NEAR(both[0][1].item<double>(), -200 + std::log((1 + std::exp(-1.0)) / 2), 1e-4);
  const Tensor never = at::tensor({0.0F, -std::numeric_limits<float>::infinity()}).view({1, 2});
  EXPECT_NEAR(ensemble_log_probabilities({a, never}, Average::probabilities)[0][1].item<double>(), -200 - std::log(2),
              1e-4);
  EXPECT_EQ(ensemble_log_probabilities({never, never}, Average::probabilities)[0][1].item<double>(),
            -std::numeric_limits<double>::infinity());
}

TEST(Ensemble, RefusesWhatHasNoMean) {
  EXPECT_THROW(ensemble_log_probabilities({}, Average::probabilities), Error);
  EXPECT_THROW(mean_of({}), Error);
  EXPECT_THROW(mean_of({at::zeros({2, 3}), at::zeros({2, 4})}), Error);
}

TEST(Ensemble, ScoreDoesNotDependOnTheOrderOfRoutesOrModels) {
  const Model a = small_model(1, 4, "none", at::kFloat), b = small_model(2, 4, "none", at::kFloat);
  const ImageSet set = small_images(50);
  const auto routes = random_orders(4, 3, Random(1));
  const auto reversed = std::vector<Route>(routes.rbegin(), routes.rend());
  const EnsembleMember first{&a.stack(), routes, {}, nullptr}, second{&b.stack(), routes, {}, nullptr};
  const Score expected = score_ensemble({first, second}, set, 20, Average::probabilities);
  EXPECT_EQ(score_ensemble({second, first}, set, 20, Average::probabilities), expected);
  EXPECT_EQ(score_ensemble({{&a.stack(), reversed, {}, nullptr}, second}, set, 20, Average::probabilities), expected);
  EXPECT_EQ(expected.samples, 50);
}

TEST(Ensemble, IdenticalRoutesPredictAsOne) {
  const Model model = small_model(3, 4, "none", at::kFloat);
  const ImageSet set = small_images(50);
  const EnsembleMember one{&model.stack(), {identity(4)}, {}, nullptr},
      four{&model.stack(), std::vector<Route>(4, identity(4)), {}, nullptr};
  for (const Average average : {Average::probabilities, Average::logits})
    EXPECT_EQ(score_ensemble({four}, set, 20, average), score_ensemble({one}, set, 20, average));
  EXPECT_NEAR(score_ensemble({one}, set, 50, Average::probabilities).loss,
              score(model.stack(), identity(4), set, {}, 50).loss, 1e-5);
}

// A model whose head has its rows in another order says the same, so averaging the two changes nothing.
TEST(Ensemble, MembersMayCountTheirClassesInAnotherOrder) {
  const Model model = small_model(3, 4, "none", at::kFloat);
  Model turned = model;
  const std::vector<int64_t> classes{2, 0, 3, 1};
  const Tensor rows = at::tensor(classes, at::kLong);
  for (const char* name : {"head.weight", "head.bias"})
    turned.stack().weights.set(name, model.stack().weights.at(name).index_select(0, rows));
  const ImageSet set = small_images(50);
  EnsembleMember one{&model.stack(), {identity(4)}, {}, nullptr}, other{&turned.stack(), {identity(4)}, {}, nullptr};
  const Score alone = score_ensemble({one}, set, 20, Average::probabilities);
  EXPECT_NE(score_ensemble({one, other}, set, 20, Average::probabilities), alone);
  other.classes = classes;
  EXPECT_EQ(score_ensemble({one, other}, set, 20, Average::probabilities), alone);
  other.classes = {2, 0, 3, 0};
  EXPECT_THROW(score_ensemble({one, other}, set, 20, Average::probabilities), Error);
}

TEST(Ensemble, RoutesThroughSourcesTakePart) {
  const Model a = small_model(1, 4, "none", at::kFloat), b = small_model(2, 4, "none", at::kFloat);
  const ImageSet set = small_images(20);
  const StackSources sources{{"b", &b.stack()}};
  const EnsembleMember member{&a.stack(), {parse_route("0,1,b:2-3")}, {}, &sources};
  const RunOptions options{.sources = &sources};
  EXPECT_NEAR(score_ensemble({member}, set, 20, Average::probabilities).loss,
              score(a.stack(), member.routes[0], set, {}, 20, options).loss, 1e-5);
}

}  // namespace
}  // namespace strata
