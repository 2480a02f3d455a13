#include "strata/data/mix.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "strata/data/loader.h"

namespace strata {
namespace {

constexpr int64_t kBatch = 5, kChannels = 2, kHeight = 6, kWidth = 8;

Tensor numbered() {
  return at::arange(kBatch * kChannels * kHeight * kWidth, at::kFloat).view({kBatch, kChannels, kHeight, kWidth});
}

Tensor mixed(const Mix& mix) {
  Tensor pixels = numbered();
  apply(mix, pixels.mutable_data_ptr<float>(), kBatch, kChannels, kHeight, kWidth);
  return pixels;
}

TEST(Mix, MixupIsAWeightedSum) {
  const Tensor images = numbered();
  const Tensor expected = 0.25 * images + 0.75 * images.flip(0);
  EXPECT_TRUE(at::allclose(mixed({.kind = Mix::Kind::mixup, .share = 0.25}), expected));
  EXPECT_TRUE(at::equal(mixed({}), images));
}

TEST(Mix, CutmixTakesABoxFromTheOther) {
  const Tensor images = numbered();
  Tensor expected = images.clone();
  expected.slice(2, 1, 4).slice(3, 5, 8).copy_(images.flip(0).slice(2, 1, 4).slice(3, 5, 8));
  EXPECT_TRUE(at::equal(mixed({.kind = Mix::Kind::cutmix, .box = {1, 5, 3, 3}}), expected));
}

TEST(Mix, DrawsFollowTheirDistributions) {
  constexpr int kDraws = 20000;
  const auto count = [&](const ImageConfig& config, auto&& value) {
    double sum = 0, squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double one = value(draw_mix(config, 32, 32, Random(3).fork(i)));
      sum += one;
      squares += one * one;
    }
    return std::pair{sum / kDraws, squares / kDraws};
  };
  const auto share = [](const Mix& mix) { return mix.share; };
  // Beta(a, a): mean 1/2, E x^2 = (a + 1) / (2 (2 a + 1)).
  for (const double alpha : {0.2, 0.8, 1.0, 5.0}) {
    const auto [mean, square] = count({.mixup = alpha}, share);
    EXPECT_NEAR(mean, 0.5, 0.015) << alpha;
    EXPECT_NEAR(square, (alpha + 1) / (2 * (2 * alpha + 1)), 0.015) << alpha;
  }
  const auto is = [](Mix::Kind kind) { return [kind](const Mix& mix) { return mix.kind == kind ? 1.0 : 0.0; }; };
  const ImageConfig both{.mixup = 1, .cutmix = 1, .mix_prob = 0.5, .switch_prob = 0.3};
  EXPECT_NEAR(count(both, is(Mix::Kind::none)).first, 0.5, 0.02);
  EXPECT_NEAR(count(both, is(Mix::Kind::cutmix)).first, 0.15, 0.02);
  EXPECT_EQ(count({}, is(Mix::Kind::none)).first, 1);
  count({.cutmix = 1}, [](const Mix& mix) {
    const Box& box = mix.box;
    EXPECT_TRUE(box.top >= 0 && box.left >= 0 && box.top + box.height <= 32 && box.left + box.width <= 32);
    EXPECT_NEAR(mix.share, 1 - static_cast<double>(box.height * box.width) / 1024, 1e-12);
    return 0.0;
  });
  // Extreme alphas neither divide by zero nor leave 0 .. 1.
  for (const double alpha : {1e-9, 1e-3, 1000.0})
    count({.mixup = alpha}, [](const Mix& mix) {
      EXPECT_TRUE(mix.share >= 0 && mix.share <= 1);
      return 0.0;
    });
}

TEST(Mix, BatchesCarryBothLabels) {
  const ImageSet set{.pixels = at::randint(256, {40, 1, 4, 4}, at::kByte), .labels = at::arange(40, at::kLong)};
  const ImageConfig plain, config{.mixup = 1};
  const ImageBatch one = make_batch(set, config, 6, 2, 3), without = make_batch(set, plain, 6, 2, 3);
  EXPECT_TRUE(at::equal(one.labels, without.labels));
  EXPECT_TRUE(at::equal(one.others, without.labels.flip(0)));
  EXPECT_TRUE(
      at::allclose(one.pixels, one.share * without.pixels + (1 - one.share) * without.pixels.flip(0), 1e-5, 1e-6));
  EXPECT_FALSE(without.others.defined());
  EXPECT_EQ(without.share, 1);
}

}  // namespace
}  // namespace strata
