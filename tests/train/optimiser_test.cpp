#include "strata/train/optimiser.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "strata/base/threads.h"
#include "strata/models/tensor_file.h"

namespace strata {
namespace {

constexpr int kParams = 3, kSteps = 6;
const std::vector<bool> kDecay = {true, false, true};
const OptimiserConfig kConfig{.lr = 4e-3, .beta2 = 0.99, .weight_decay = 0.05, .freeze_unvisited = true};

struct Golden {
  NamedTensors tensors = load_tensors("tests/golden/adamw.safetensors");

  std::vector<Tensor> all(const std::string& kind, at::ScalarType type = at::kDouble) const {
    std::vector<Tensor> result;
    for (int i = 0; i < kParams; ++i) {
      const auto found = tensors.find(kind + std::to_string(i));
      result.push_back(found == tensors.end() ? Tensor()
                                              : found->second.to(type, /*non_blocking=*/false, /*copy=*/true));
    }
    return result;
  }
  std::vector<Tensor> grads(int step, at::ScalarType type = at::kDouble) const {
    return all("grad." + std::to_string(step) + ".", type);
  }
};

double distance(const Tensor& a, const Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST(Adamw, FunctionEqualsPyTorch) {
  const Golden golden;
  std::vector<Tensor> params = golden.all("start.");
  OptimiserState state = fresh_state(params);
  for (int step = 0; step < kSteps; ++step) {
    AdamwResult next = adamw(params, golden.grads(step), state, kDecay, kConfig, kConfig.lr);
    params = next.params;
    state = next.state;
  }
  for (int i = 0; i < kParams; ++i) {
    EXPECT_LT(distance(params[i], golden.all("end.")[i]), 1e-12) << i;
    EXPECT_LT(distance(state[i].first, golden.all("first.")[i]), 1e-12) << i;
    EXPECT_LT(distance(state[i].second, golden.all("second.")[i]), 1e-12) << i;
  }
  EXPECT_EQ(state[0].steps, 6);
  EXPECT_EQ(state[2].steps, 4);  // two steps without a gradient
}

TEST(Adamw, InPlaceEqualsTheFunction) {
  const Golden golden;
  for (const bool freeze : {true, false}) {
    for (const auto type : {at::kFloat, at::kDouble}) {
      SCOPED_TRACE(testing::Message() << "freeze " << freeze << ", type " << c10::toString(type));
      OptimiserConfig config = kConfig;
      config.freeze_unvisited = freeze;
      std::vector<Tensor> exact = golden.all("start."), params = golden.all("start.", type),
                          ema = golden.all("start.", type), exact_ema = golden.all("start.");
      OptimiserState exact_state = fresh_state(exact), state = fresh_state(params);
      for (int step = 0; step < kSteps; ++step) {
        std::vector<Tensor> halved = golden.grads(step);
        for (auto& grad : halved)
          if (grad.defined()) grad = 0.5 * grad;
        AdamwResult next = adamw(exact, halved, exact_state, kDecay, config, config.lr);
        exact = next.params;
        exact_state = next.state;
        adamw_in_place(params, golden.grads(step, type), state, kDecay, config, config.lr, 0.5, ema, 0.9);
        for (int i = 0; i < kParams; ++i) exact_ema[i] = 0.9 * exact_ema[i] + 0.1 * exact[i];
      }
      const double tolerance = type == at::kFloat ? 1e-6 : 1e-12;
      for (int i = 0; i < kParams; ++i) {
        EXPECT_LT(distance(params[i], exact[i]), tolerance) << i;
        EXPECT_LT(distance(ema[i], exact_ema[i]), tolerance) << i;
        EXPECT_EQ(state[i].steps, exact_state[i].steps) << i;
      }
    }
  }
}

TEST(Adamw, UnvisitedWeightsFreezeOnlyWhenAskedTo) {
  const auto param = at::ones({3});
  const std::vector<Tensor> params{param.clone()};
  OptimiserState state{{at::full({3}, 0.5), at::ones({3}), 4}};
  OptimiserConfig config = kConfig;
  adamw_in_place(params, {Tensor()}, state, {true}, config, 0.1);
  EXPECT_TRUE(at::equal(params[0], param));
  EXPECT_TRUE(at::equal(state[0].first, at::full({3}, 0.5)));
  EXPECT_EQ(state[0].steps, 4);
  config.freeze_unvisited = false;
  adamw_in_place(params, {Tensor()}, state, {true}, config, 0.1);
  EXPECT_LT(params[0].max().item<float>(), 0.99F);  // decay and momentum go on
  EXPECT_EQ(state[0].steps, 5);
}

// One step through which the gradient of a later loss flows: to the parameters, the gradients and the learning rate.
TEST(Adamw, IsDifferentiable) {
  const Golden golden;
  const std::vector<Tensor> params = golden.all("start.");
  const auto loss = [&](const std::vector<Tensor>& start, const std::vector<Tensor>& grads, const Tensor& rate) {
    OptimiserState state = fresh_state(start);
    AdamwResult next = adamw(start, grads, state, kDecay, kConfig, rate);
    next = adamw(next.params, grads, next.state, kDecay, kConfig, rate);
    Tensor sum = at::zeros({}, at::kDouble);
    for (const auto& param : next.params) sum = sum + param.sin().sum();
    return sum;
  };
  std::vector<Tensor> start = params, grads = golden.grads(0);
  Tensor rate = at::scalar_tensor(0.01, at::kDouble);
  start[0].requires_grad_(true);
  grads[1].requires_grad_(true);
  rate.requires_grad_(true);
  const auto found = torch::autograd::grad({loss(start, grads, rate)}, {start[0], grads[1], rate});
  const at::NoGradGuard no_grad;
  const auto numeric = [&](Tensor& value, int64_t index) {
    const double step = 1e-6;
    Tensor flat = value.view({-1});
    const double old = flat[index].item<double>();
    flat[index] = old + step;
    const double up = loss(start, grads, rate).item<double>();
    flat[index] = old - step;
    const double down = loss(start, grads, rate).item<double>();
    flat[index] = old;
    return (up - down) / (2 * step);
  };
  EXPECT_NEAR(found[0].view(-1)[2].item<double>(), numeric(start[0], 2), 1e-7);
  EXPECT_NEAR(found[1].view(-1)[3].item<double>(), numeric(grads[1], 3), 1e-7);
  EXPECT_NEAR(found[2].item<double>(), numeric(rate, 0), 1e-6);
}

TEST(Adamw, ClipsTheGlobalNorm) {
  const std::vector<Tensor> grads{at::full({4}, 3.0), Tensor(), at::full({4}, 4.0, at::kDouble)};
  const double norm = global_norm(grads);
  EXPECT_DOUBLE_EQ(norm, 10);
  EXPECT_NEAR(clip_factor(norm, 1) * norm, 1, 1e-6);
  EXPECT_EQ(clip_factor(norm, 0), 1);
  EXPECT_EQ(clip_factor(norm, 11), 1);
}

}  // namespace
}  // namespace strata
