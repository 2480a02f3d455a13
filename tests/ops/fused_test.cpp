// Every fused operator against the composite of plain ATen calls in double: values, gradients, and the refusal to be
// differentiated twice.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>

#include "strata/base/error.h"
#include "strata/kernels/isa.h"
#include "strata/ops/activation.h"
#include "strata/ops/attention.h"
#include "strata/ops/linear.h"
#include "strata/ops/loss.h"
#include "strata/ops/mode.h"
#include "strata/ops/norm.h"

namespace strata {
namespace {

using Op = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

// Relative to the largest value of what is compared.
double error(const at::Tensor& got, const at::Tensor& want) {
  if (want.numel() == 0) return 0;
  return (got.to(at::kDouble) - want).abs().max().item<double>() / std::max(1e-3, want.abs().max().item<double>());
}

void compare(const Op& op, const std::vector<at::Tensor>& inputs, double tolerance) {
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    const Isa before = active_isa();
    set_isa(isa);
    std::vector<at::Tensor> fused, exact;
    for (const auto& input : inputs) {
      fused.push_back(input.to(at::kFloat).set_requires_grad(true));
      exact.push_back(input.to(at::kFloat).to(at::kDouble).set_requires_grad(true));
    }
    const at::Tensor y = op(fused);
    at::Tensor want;
    {
      const ops::CompositeGuard composite;
      want = op(exact);
    }
    EXPECT_LT(error(y, want), tolerance);
    const at::Tensor upstream = at::randn(want.sizes(), at::kDouble);
    const auto got_gradients = torch::autograd::grad({y}, fused, {upstream.to(at::kFloat)});
    std::vector<at::Tensor> want_gradients;
    {
      const ops::CompositeGuard composite;
      want_gradients = torch::autograd::grad({want}, exact, {upstream});
    }
    for (size_t i = 0; i < inputs.size(); ++i)
      EXPECT_LT(error(got_gradients[i], want_gradients[i]), tolerance) << "input " << i;
    set_isa(before);
  }
}

void refuses_second_derivative(const Op& op, const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> leaves;
  for (const auto& input : inputs) leaves.push_back(input.to(at::kFloat).set_requires_grad(true));
  const auto second = [&] {
    const auto first =
        torch::autograd::grad({op(leaves).square().sum()}, {leaves[0]}, {}, std::nullopt, /*create_graph=*/true)[0];
    first.square().sum().backward();
  };
  EXPECT_ANY_THROW(second());
  const ops::CompositeGuard composite;
  EXPECT_NO_THROW(second());
}

at::Tensor random(at::IntArrayRef shape) {
  return at::randn(shape, at::kDouble);
}

class Fused : public testing::Test {
 protected:
  void SetUp() override { at::manual_seed(7); }
};

TEST_F(Fused, LayerNorm) {
  const Op op = [](const auto& in) { return ops::layer_norm(in[0], in[1], in[2], 1e-6); };
  for (const int64_t channels : {1, 7, 48, 65})
    for (const int64_t rows : {1, 33})
      compare(op, {random({rows, channels}), random({channels}), random({channels})}, channels == 1 ? 1e-4 : 1e-5);
  refuses_second_derivative(op, {random({3, 8}), random({8}), random({8})});
}

TEST_F(Fused, RmsNorm) {
  const Op op = [](const auto& in) { return ops::rms_norm(in[0], in[1], 1e-6); };
  // One channel: the gradient of x is zero but for eps, what is left is rounding.
  for (const int64_t channels : {1, 7, 48, 65})
    compare(op, {random({9, channels}), random({channels})}, channels == 1 ? 1e-2 : 1e-5);
  refuses_second_derivative(op, {random({3, 8}), random({8})});
}

TEST_F(Fused, Gelu) {
  const Op op = [](const auto& in) { return ops::gelu(in[0]); };
  compare(op, {3 * random({17, 13})}, 1e-6);
  refuses_second_derivative(op, {random({3, 8})});
}

TEST_F(Fused, Swiglu) {
  const Op op = [](const auto& in) { return ops::swiglu(in[0]); };
  compare(op, {3 * random({17, 26})}, 1e-5);
  refuses_second_derivative(op, {random({3, 8})});
}

TEST_F(Fused, SelfAttentionEqualAndRagged) {
  for (const bool causal : {false, true})
    for (const auto& rows : {equal_rows(3, 17), equal_rows(1, 70), ragged_rows({5, 1, 0, 9})}) {
      SCOPED_TRACE(testing::Message() << "causal " << causal << ", " << rows->sequences << " sequences, " << rows->count
                                      << " rows");
      const Op op = [&](const auto& in) { return ops::self_attention(in[0], 3, *rows, causal); };
      compare(op, {random({rows->count, 3 * 3 * 16})}, 1e-5);
    }
  const auto rows = equal_rows(2, 5);
  refuses_second_derivative([&](const auto& in) { return ops::self_attention(in[0], 2, *rows, false); },
                            {random({10, 24})});
  EXPECT_THROW(ops::self_attention(random({10, 25}), 2, *rows, false), Error);
}

TEST_F(Fused, CrossEntropy) {
  const at::Tensor targets = at::randint(11, {23}, at::kLong);
  for (const double smoothing : {0.0, 0.1}) {
    const Op op = [&](const auto& in) { return ops::cross_entropy(in[0], targets, smoothing); };
    compare(op, {4 * random({23, 11})}, 1e-5);
    refuses_second_derivative(op, {random({23, 11})});
  }
  EXPECT_THROW(ops::cross_entropy(random({2, 3}), targets), Error);
}

TEST_F(Fused, Linear) {
  const Op with_bias = [](const auto& in) { return ops::linear(in[0], in[1], in[2]); };
  const Op without = [](const auto& in) { return ops::linear(in[0], in[1], {}); };
  for (const int64_t rows : {1, 5, 200}) {
    compare(with_bias, {random({rows, 48}), random({31, 48}), random({31})}, 1e-5);
    compare(without, {random({rows, 7}), random({48, 7})}, 1e-5);
  }
}

}  // namespace
}  // namespace strata
