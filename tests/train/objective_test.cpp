#include "strata/train/objective.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <map>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/models/vit.h"
#include "strata/ops/mode.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/train/optimiser.h"

namespace strata {
namespace {

constexpr int64_t kDepth = 3, kClasses = 4, kSamples = 5;

Stack small_vit(const std::string& slots = "none", int64_t depth = kDepth) {
  Stack stack = make_vit({.image_height = 4,
                          .image_width = 4,
                          .image_channels = 1,
                          .patch_height = 2,
                          .patch_width = 2,
                          .channels = 8,
                          .depth = depth,
                          .heads = 2,
                          .hidden = 12,
                          .classes = kClasses,
                          .init_std = 0.3,
                          .slots = slots},
                         Random(3));
  for (auto& entry : stack.weights.entries()) entry.value = entry.value.to(at::kDouble);
  return stack;
}

struct Images {
  Tensor pixels, labels;
};

Images images() {
  Random random(5);
  Images result{at::empty({kSamples, 1, 4, 4}, at::kDouble), at::empty({kSamples}, at::kLong)};
  for (int64_t i = 0; i < result.pixels.numel(); ++i) result.pixels.view(-1)[i] = random.normal();
  for (int64_t i = 0; i < kSamples; ++i) result.labels[i] = static_cast<int64_t>(random.below(kClasses));
  return result;
}

// Layer shuffle sheet of checks, 2: blocks that did not run have no gradient, those of a pruned stack the same as here.
TEST(Objective, DroppedBlocksHaveNoGradient) {
  Stack stack = small_vit();
  const Parameters params = trained_parameters(stack.weights);
  const Images batch = images();
  const auto loss = losses(stack, {parse_route("0,2"), {}}, batch.pixels, batch.labels, {});
  EXPECT_FALSE(loss.position.defined());
  const auto grads = torch::autograd::grad({loss.total}, params.values, {}, false, false, /*allow_unused=*/true);

  Stack pruned = small_vit("none", 2);
  for (auto& entry : pruned.weights.entries()) {
    std::string name = entry.name;
    if (name.starts_with("blocks.1.")) name[7] = '2';
    entry.value = stack.weights.at(name).detach().clone();
  }
  const Parameters kept = trained_parameters(pruned.weights);
  const auto pruned_loss = losses(pruned, {identity(2), {}}, batch.pixels, batch.labels, {});
  EXPECT_TRUE(at::equal(loss.total, pruned_loss.total));
  const auto pruned_grads = torch::autograd::grad({pruned_loss.total}, kept.values);
  std::map<std::string, Tensor> by_name;
  for (size_t i = 0; i < kept.names.size(); ++i) by_name[kept.names[i]] = pruned_grads[i];

  for (size_t i = 0; i < params.names.size(); ++i) {
    std::string name = params.names[i];
    if (name.starts_with("blocks.1.")) {
      EXPECT_FALSE(grads[i].defined()) << name;
      continue;
    }
    if (name.starts_with("blocks.2.")) name[7] = '1';
    ASSERT_TRUE(grads[i].defined()) << name;
    EXPECT_TRUE(at::equal(grads[i], by_name.at(name))) << name;
  }
}

TEST(Objective, SamplesThatSkipABlockGiveItNoGradient) {
  Stack stack = small_vit();
  const Parameters params = trained_parameters(stack.weights);
  const Images batch = images();
  Draw draw{identity(kDepth), std::vector(kDepth, std::vector<uint8_t>(kSamples, 1))};
  draw.live[1] = {0, 0, 0, 0, 0};
  const auto some = losses(stack, draw, batch.pixels, batch.labels, {});
  const auto grads = torch::autograd::grad({some.total}, params.values, {}, false, false, /*allow_unused=*/true);
  for (size_t i = 0; i < params.names.size(); ++i)
    if (params.names[i].starts_with("blocks.1."))
      EXPECT_TRUE(!grads[i].defined() || !grads[i].any().item<bool>()) << params.names[i];
  EXPECT_NEAR(some.total.item<double>(),
              losses(stack, {parse_route("0,2"), {}}, batch.pixels, batch.labels, {}).total.item<double>(), 1e-12);
  EXPECT_THROW(losses(stack, draw, batch.pixels.slice(0, 1), batch.labels.slice(0, 1), {}), Error);
}

// 7: predictors with weight zero tell all slots apart equally badly.
TEST(Objective, BlindPredictorsGiveTheLogarithmOfTheSlots) {
  const int64_t depth = 12;
  Stack stack = small_vit("predict", depth);
  for (auto& entry : stack.weights.entries())
    if (entry.name.find(".predict.linear.") != std::string::npos) entry.value = at::zeros_like(entry.value);
  const Images batch = images();
  const Draw draw = strata::draw({.kind = "shuffle"}, depth, kSamples, Random(1));
  const Losses loss = losses(stack, draw, batch.pixels, batch.labels, {.predict_weight = 2});
  EXPECT_NEAR(loss.position.item<double>(), std::log(12.0), 1e-12);
  EXPECT_NEAR(loss.total.item<double>(), loss.classification.item<double>() + 2 * std::log(12.0), 1e-12);
  EXPECT_FALSE(losses(stack, draw, batch.pixels, batch.labels, {.predict_weight = 0}).position.defined());
}

// The position loss tells blocks apart by where they ran: the predictor of each block is asked for its slot.
TEST(Objective, PredictorsAreAskedForTheSlotOfTheirBlock) {
  Stack stack = small_vit("predict");
  const Images batch = images();
  // Block b answers "slot b" whatever it sees.
  for (int64_t b = 0; b < kDepth; ++b) {
    const std::string prefix = "blocks." + std::to_string(b) + ".predict.linear.";
    stack.weights.set(prefix + "weight", at::zeros_like(stack.weights.at(prefix + "weight")));
    Tensor bias = at::zeros({kDepth}, at::kDouble);
    bias[b] = 50.0;
    stack.weights.set(prefix + "bias", bias);
  }
  EXPECT_NEAR(losses(stack, {identity(kDepth), {}}, batch.pixels, batch.labels, {}).position.item<double>(), 0, 1e-12);
  // 1,0,2: two of three blocks are wrong by 50.
  EXPECT_NEAR(losses(stack, {parse_route("1,0,2"), {}}, batch.pixels, batch.labels, {}).position.item<double>(),
              100.0 / 3, 1e-9);
}

// Mixed images: two cross-entropies weighted are one against the mixed targets written out, smoothing included, in value
// and gradient.
TEST(Objective, MixedLabelsEqualDenseTargets) {
  Stack stack = small_vit();
  const Parameters params = trained_parameters(stack.weights);
  const Images batch = images();
  const Tensor others = batch.labels.flip(0);
  for (const double smoothing : {0.0, 0.1})
    for (const double share : {0.0, 0.3, 1.0}) {
      const Draw draw{identity(kDepth), {}};
      const Tensor found =
          losses(stack, draw, batch.pixels, {batch.labels, others, share}, {.label_smoothing = smoothing}).total;
      const auto one_hot = [](const Tensor& labels) { return at::one_hot(labels, kClasses).to(at::kDouble); };
      const Tensor dense =
          (share * one_hot(batch.labels) + (1 - share) * one_hot(others)) * (1 - smoothing) + smoothing / kClasses;
      const Tensor logits = run(stack, draw.route, image_stream(batch.pixels)).x();
      const Tensor expected = -(dense * logits.log_softmax(1)).sum(1).mean();
      EXPECT_NEAR(found.item<double>(), expected.item<double>(), 1e-12);
      const auto a = torch::autograd::grad({found}, params.values),
                 b = torch::autograd::grad({expected}, params.values);
      for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::allclose(a[i], b[i], 1e-9, 1e-12)) << params.names[i];
    }
}

// 7: the gradient of the whole loss for one route, in every parameter, against central differences along a random
// direction.
TEST(Objective, GradientOfOneRoute) {
  Stack stack = small_vit("predict");
  const Parameters params = trained_parameters(stack.weights);
  const Images batch = images();
  const Draw draw{parse_route("2,0,1"), {}};
  const ObjectiveConfig config{.label_smoothing = 0.1, .predict_weight = 1};
  const auto total = [&] { return losses(stack, draw, batch.pixels, batch.labels, config).total; };
  const auto grads = torch::autograd::grad({total()}, params.values);
  const at::NoGradGuard no_grad;
  Random random(9);
  for (size_t i = 0; i < params.values.size(); ++i) {
    Tensor direction = at::empty_like(params.values[i]);
    for (int64_t k = 0; k < direction.numel(); ++k) direction.view(-1)[k] = random.normal();
    const double step = 1e-5;
    params.values[i].add_(direction, step);
    const double up = total().item<double>();
    params.values[i].sub_(direction, 2 * step);
    const double down = total().item<double>();
    params.values[i].add_(direction, step);
    const double want = (grads[i] * direction).sum().item<double>();
    EXPECT_NEAR((up - down) / (2 * step), want, 1e-8 + 1e-6 * std::abs(want)) << params.names[i];
  }
}

// x -> A x, to be added: a block whose routes can be worked out by hand.
class Linear final : public Block {
 public:
  explicit Linear(int64_t channels) : channels_(channels) {}
  BlockSpec spec() const override {
    const std::vector<TrackSpec> track{{"x", "", channels_}};
    return {.name = "linear", .in = track, .out = track};
  }
  std::vector<ParamInfo> params() const override { return {{"a.weight", {channels_, channels_}, Init::normal(0.4)}}; }
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override {
    return x.delta(weights.linear(x.x(), "a"));
  }

 private:
  int64_t channels_;
};

// 9: the mean over all 6 orders is the expectation, and sampling converges to it.
TEST(Objective, EnumerationEqualsExpectation) {
  const int64_t channels = 4;
  Stack stack = make_stack("toy", nullptr, std::vector<BlockPtr>(3, std::make_shared<Linear>(channels)), nullptr,
                           nullptr, Random(2));
  stack.chain.embed_out = stack.blocks[0]->spec().in;  // fed with a stream
  for (auto& entry : stack.weights.entries()) entry.value = entry.value.to(at::kDouble);
  const Stream input("x", images().pixels.reshape({kSamples * 4, channels}), equal_rows(kSamples, 4));
  const Tensor target = at::ones({channels}, at::kDouble);
  const auto loss_of = [&](const Tensor& x) { return at::mse_loss(x, target.expand_as(x)).item<double>(); };

  std::map<uint64_t, double> by_route;
  double enumerated = 0, expected = 0, square = 0;
  for (const Route& route : all_orders(3)) {
    const double loss = loss_of(run(stack, route, input).x());
    by_route[hash_of(route)] = loss;
    enumerated += loss / 6;
    square += loss * loss / 6;
    Tensor product = at::eye(channels, at::kDouble);
    for (const auto& step : route.steps)
      product = at::matmul(
          at::eye(channels, at::kDouble) + stack.weights.at("blocks." + std::to_string(step[0].block) + ".a.weight"),
          product);
    expected += loss_of(at::matmul(input.x(), product.t())) / 6;
  }
  EXPECT_NEAR(enumerated, expected, 1e-12);
  const int64_t draws = 6000;
  double sampled = 0;
  for (int64_t step = 0; step < draws; ++step)
    sampled += by_route.at(hash_of(draw({.kind = "shuffle"}, 3, 1, Random(4).fork(step)).route)) / draws;
  const double sigma = std::sqrt((square - enumerated * enumerated) / draws);
  ASSERT_GT(sigma, 0);
  EXPECT_LT(std::abs(sampled - enumerated), 4 * sigma);
}

TEST(Objective, SliceOfADraw) {
  const Draw draw{identity(2), {{1, 0, 1, 1}, {0, 0, 1, 0}}};
  const Draw piece = slice(draw, 1, 2);
  EXPECT_EQ(piece.route, draw.route);
  EXPECT_EQ(piece.live, (std::vector<std::vector<uint8_t>>{{0, 1}, {0, 1}}));
}

}  // namespace
}  // namespace strata
