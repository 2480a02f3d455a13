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
#include "strata/ops/pre_norm.h"

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

TEST_F(Fused, GeluTanh) {
  const Op op = [](const auto& in) { return ops::gelu_tanh(in[0]); };
  compare(op, {3 * random({17, 13})}, 2e-6);
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

// Inputs of the operators that begin with a norm: x, gain, norm bias, first weight and bias, second weight and bias.
std::vector<at::Tensor> sublayer(int64_t rows, int64_t channels, int64_t first, int64_t second_in) {
  return {random({rows, channels}), random({channels}),
          random({channels}),       random({first, channels}) / std::sqrt(static_cast<double>(channels)),
          random({first}),          random({channels, second_in}) / std::sqrt(static_cast<double>(second_in)),
          random({channels})};
}

at::Tensor norm_of(const std::vector<at::Tensor>& in, bool layer) {
  return layer ? ops::layer_norm(in[0], in[1], in[2], 1e-5) : ops::rms_norm(in[0], in[1], 1e-5) + 0 * in[2].sum();
}

// Without biases their tensors still take part, at weight zero, so that every input has a gradient to compare.
Op mlp_op(bool layer, ops::MlpActivation activation, bool bias, bool add_input) {
  return [=](const std::vector<at::Tensor>& in) {
    const at::Tensor none;
    at::Tensor y;
    if (ops::composite_only()) {
      const at::Tensor up = ops::linear(norm_of(in, layer), in[3], bias ? in[4] : none);
      const at::Tensor act = activation == ops::MlpActivation::swiglu ? ops::swiglu(up)
                             : activation == ops::MlpActivation::gelu ? ops::gelu(up)
                                                                      : ops::gelu_tanh(up);
      y = ops::linear(act, in[5], bias ? in[6] : none);
      if (add_input) y = in[0] + y;
    } else {
      y = ops::pre_norm_mlp(in[0], {layer, in[1], layer ? in[2] : none, 1e-5}, {in[3], bias ? in[4] : none},
                            {in[5], bias ? in[6] : none}, activation, add_input);
    }
    return y + 0 * (in[2].sum() + in[4].sum() + in[6].sum());
  };
}

TEST_F(Fused, PreNormMlp) {
  for (const int64_t rows : {1, 37, 1100})  // one tile and several
    for (const auto activation : {ops::MlpActivation::gelu, ops::MlpActivation::gelu_tanh, ops::MlpActivation::swiglu})
      for (const bool other : {false, true}) {
        SCOPED_TRACE(testing::Message() << rows << " rows, activation " << static_cast<int>(activation) << ", variant "
                                        << other);
        const auto inputs = sublayer(rows, 24, activation == ops::MlpActivation::swiglu ? 2 * 40 : 40, 40);
        compare(mlp_op(!other, activation, !other, other), inputs, 2e-5);
      }
  refuses_second_derivative(mlp_op(true, ops::MlpActivation::gelu, true, true), sublayer(5, 8, 16, 16));
}

Op attention_op(const RowsPtr& rows, int64_t heads, bool causal, bool layer, bool bias, bool add_input) {
  return [=](const std::vector<at::Tensor>& in) {
    const at::Tensor none;
    at::Tensor y;
    if (ops::composite_only()) {
      const at::Tensor qkv = ops::linear(norm_of(in, layer), in[3], bias ? in[4] : none);
      y = ops::linear(ops::self_attention(qkv, heads, *rows, causal), in[5], bias ? in[6] : none);
      if (add_input) y = in[0] + y;
    } else {
      y = ops::pre_norm_attention(in[0], {layer, in[1], layer ? in[2] : none, 1e-5}, {in[3], bias ? in[4] : none},
                                  {in[5], bias ? in[6] : none}, heads, *rows, causal, add_input);
    }
    return y + 0 * (in[2].sum() + in[4].sum() + in[6].sum());
  };
}

TEST_F(Fused, PreNormAttention) {
  for (const RowsPtr& rows : {equal_rows(1, 1), equal_rows(5, 7), equal_rows(70, 17), equal_rows(3, 600),
                              ragged_rows({5, 0, 300, 1, 17, 290, 64, 2, 333})})
    for (const bool causal : {false, true}) {
      SCOPED_TRACE(testing::Message() << rows->count << " rows, causal " << causal);
      compare(attention_op(rows, 3, causal, !causal, !causal, causal), sublayer(rows->count, 24, 72, 24), 5e-5);
    }
  refuses_second_derivative(attention_op(equal_rows(2, 3), 2, false, true, true, true), sublayer(6, 8, 24, 8));
}

// Weights that are not trained get no gradient, and with no gradients at all the same numbers come out.
TEST_F(Fused, PreNormFrozen) {
  auto inputs = sublayer(300, 24, 40, 40);
  for (auto& input : inputs) input = input.to(at::kFloat);
  const auto mlp = [&] {
    return ops::pre_norm_mlp(inputs[0], {true, inputs[1], inputs[2], 1e-5}, {inputs[3], inputs[4]},
                             {inputs[5], inputs[6]}, ops::MlpActivation::gelu, true);
  };
  const at::Tensor plain = [&] {
    const at::NoGradGuard no_gradients;
    return mlp();
  }();
  inputs[0].set_requires_grad(true);
  const at::Tensor y = mlp();
  EXPECT_TRUE(at::equal(y.detach(), plain));
  y.sum().backward();
  EXPECT_TRUE(inputs[0].grad().defined());
  EXPECT_FALSE(inputs[3].grad().defined());
}

}  // namespace
}  // namespace strata
