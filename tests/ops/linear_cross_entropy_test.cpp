// Loss without holding the logits, against the two operators it stands for, in double.
#include "strata/ops/linear_cross_entropy.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "strata/base/error.h"
#include "strata/kernels/isa.h"
#include "strata/ops/mode.h"

namespace strata {
namespace {

using ops::Reduction;

struct Problem {
  at::Tensor x, weight, bias, targets, row_weights;

  Problem(int64_t rows, int64_t channels, int64_t classes) {
    at::manual_seed(3);
    x = at::randn({rows, channels}, at::kDouble);
    weight = at::randn({classes, channels}, at::kDouble);
    bias = at::randn({classes}, at::kDouble);
    targets = at::randint(classes, {rows}, at::kLong);
    targets.narrow(0, 0, rows / 3).fill_(-100);
    row_weights = at::rand({rows}, at::kDouble);
  }
};

double error(const at::Tensor& got, const at::Tensor& want) {
  return (got.to(at::kDouble) - want).abs().max().item<double>() / std::max(1e-3, want.abs().max().item<double>());
}

void compare(const Problem& problem, bool with_bias, bool weighted, double smoothing, Reduction reduction) {
  const auto pass = [&](at::ScalarType type, bool composite) {
    const ops::CompositeGuard guard(composite);
    std::vector<at::Tensor> in{problem.x.to(type, false, true).set_requires_grad(true),
                               problem.weight.to(type, false, true).set_requires_grad(true)};
    if (with_bias) in.push_back(problem.bias.to(type, false, true).set_requires_grad(true));
    const at::Tensor loss =
        ops::linear_cross_entropy(in[0], in[1], with_bias ? in[2] : at::Tensor(), problem.targets,
                                  weighted ? problem.row_weights.to(type) : at::Tensor(), smoothing, reduction);
    at::manual_seed(4);
    auto results = torch::autograd::grad({loss}, in, {at::randn(loss.sizes(), at::kDouble).to(type)});
    results.push_back(loss.detach());
    return results;
  };
  const auto want = pass(at::kDouble, true);
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    const Isa before = active_isa();
    set_isa(isa);
    const auto got = pass(at::kFloat, false);
    for (size_t i = 0; i < want.size(); ++i) EXPECT_LT(error(got[i], want[i]), 1e-5) << "result " << i;
    set_isa(before);
  }
}

TEST(LinearCrossEntropy, AsLinearAndCrossEntropy) {
  for (const auto& [rows, classes] : {std::pair<int64_t, int64_t>{9, 11}, {70, 300}, {1, 2}})
    for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum})
      for (const bool with_bias : {false, true})
        for (const bool weighted : {false, true}) {
          SCOPED_TRACE(testing::Message()
                       << rows << " rows, " << classes << " classes, reduction " << static_cast<int>(reduction)
                       << ", bias " << with_bias << ", weighted " << weighted);
          compare({rows, 13, classes}, with_bias, weighted, weighted ? 0.1 : 0, reduction);
        }
}

// More rows than one piece of logits holds.
TEST(LinearCrossEntropy, SeveralPieces) {
  at::manual_seed(5);
  const int64_t rows = 66, classes = int64_t{1} << 18;
  const at::Tensor x = at::randn({rows, 3}), weight = at::randn({classes, 3}), bias = at::randn({classes});
  const at::Tensor targets = at::randint(classes, {rows}, at::kLong);
  const auto pass = [&](bool composite) {
    const ops::CompositeGuard guard(composite);
    const std::vector<at::Tensor> in{x.clone().set_requires_grad(true), weight.clone().set_requires_grad(true),
                                     bias.clone().set_requires_grad(true)};
    const at::Tensor loss = ops::linear_cross_entropy(in[0], in[1], in[2], targets);
    auto results = torch::autograd::grad({loss}, in);
    results.push_back(loss.detach());
    return results;
  };
  const auto got = pass(false), want = pass(true);
  for (size_t i = 0; i < want.size(); ++i) EXPECT_LT(error(got[i], want[i].to(at::kDouble)), 1e-4) << "result " << i;
}

TEST(LinearCrossEntropy, FrozenWeightsGetNoGradient) {
  const Problem problem(9, 5, 11);
  const at::Tensor x = problem.x.to(at::kFloat).set_requires_grad(true), weight = problem.weight.to(at::kFloat);
  const at::Tensor loss = ops::linear_cross_entropy(x, weight, {}, problem.targets);
  const auto gradient = torch::autograd::grad({loss}, {x}, {}, std::nullopt, false)[0];
  EXPECT_TRUE(gradient.narrow(0, 0, 3).eq(0).all().item<bool>()) << "rows without a target";
  EXPECT_GT(gradient.abs().max().item<float>(), 0);
}

TEST(LinearCrossEntropy, RefusesASecondDerivative) {
  const Problem problem(9, 5, 11);
  for (const Reduction reduction : {Reduction::none, Reduction::mean}) {
    const auto second = [&] {
      const at::Tensor x = problem.x.to(at::kFloat, false, true).set_requires_grad(true);
      const at::Tensor loss =
          ops::linear_cross_entropy(x, problem.weight.to(at::kFloat), {}, problem.targets, {}, 0, reduction);
      torch::autograd::grad({loss.square().sum()}, {x}, {}, std::nullopt, true)[0].square().sum().backward();
    };
    EXPECT_ANY_THROW(second());
    const ops::CompositeGuard composite;
    EXPECT_NO_THROW(second());
  }
}

TEST(LinearCrossEntropy, LogProbabilitiesOfTargets) {
  const Problem problem(9, 5, 11);
  const at::Tensor got = ops::target_log_probabilities(problem.x.to(at::kFloat), problem.weight.to(at::kFloat),
                                                       problem.bias.to(at::kFloat), problem.targets);
  const at::Tensor all = at::log_softmax(at::linear(problem.x, problem.weight, problem.bias), 1);
  const at::Tensor there = problem.targets.ne(-100);
  const at::Tensor want = all.gather(1, problem.targets.clamp_min(0).unsqueeze(1)).squeeze(1) * there.to(at::kDouble);
  EXPECT_LT(error(got, want), 1e-5);
  EXPECT_FALSE(got.requires_grad());
}

TEST(LinearCrossEntropy, NoTargetAtAll) {
  const Problem problem(4, 5, 11);
  const at::Tensor x = problem.x.to(at::kFloat).set_requires_grad(true), none = at::full({4}, -100, at::kLong);
  const at::Tensor weight = problem.weight.to(at::kFloat);
  EXPECT_TRUE(std::isnan(ops::linear_cross_entropy(x, weight, {}, none).item<float>()));
  const at::Tensor sum = ops::linear_cross_entropy(x, weight, {}, none, {}, 0, Reduction::sum);
  EXPECT_EQ(sum.item<float>(), 0);
  EXPECT_TRUE(torch::autograd::grad({sum}, {x})[0].eq(0).all().item<bool>());
}

TEST(LinearCrossEntropy, WrongInput) {
  const Problem problem(4, 5, 11);
  const auto loss = [&](const at::Tensor& weight, const at::Tensor& targets, const at::Tensor& rows = {}) {
    return ops::linear_cross_entropy(problem.x.to(at::kFloat), weight.to(at::kFloat), {}, targets, rows);
  };
  EXPECT_THROW(loss(problem.weight.t(), problem.targets), Error);
  EXPECT_THROW(loss(problem.weight, problem.targets.to(at::kInt)), Error);
  EXPECT_THROW(loss(problem.weight, problem.targets.narrow(0, 0, 3)), Error);
  EXPECT_THROW(loss(problem.weight, problem.targets, at::ones({3})), Error);
  EXPECT_THROW(loss(problem.weight, at::full({4}, 11, at::kLong)), Error);
}

}  // namespace
}  // namespace strata
