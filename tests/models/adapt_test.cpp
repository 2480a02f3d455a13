#include "strata/models/adapt.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/stack/run.h"

namespace strata {
namespace {

VitConfig small() {
  return {.image_height = 8,
          .image_width = 12,
          .image_channels = 1,
          .patch_height = 4,
          .patch_width = 4,
          .channels = 12,
          .depth = 2,
          .heads = 2,
          .hidden = 16,
          .classes = 5};
}

Tensor logits(const Model& model) {
  const Tensor pixels = at::arange(2 * model.vit.image_height * model.vit.image_width, at::kFloat)
                            .view({2, 1, model.vit.image_height, model.vit.image_width})
                            .sin();
  return run(model.stack(), identity(model.vit.depth), image_stream(pixels)).x();
}

TEST(Adapted, TheSameTaskIsTheSameModel) {
  const Model model = make_model(small(), Random(1));
  const Model same = adapted(model, small(), false, Random(2));
  EXPECT_TRUE(at::equal(logits(same), logits(model)));
  EXPECT_EQ(same.classes, model.classes);
  // Its own copies: training one leaves the other alone.
  same.stack().weights.at("head.weight").zero_();
  EXPECT_FALSE(at::equal(logits(same), logits(model)));
}

TEST(Adapted, OtherClassesGetAFreshHead) {
  const Model model = make_model(small(), Random(1));
  VitConfig config = small();
  config.classes = 7;
  for (const auto& [wanted, fresh] : {std::pair{config, false}, {small(), true}}) {
    const Model other = adapted(model, wanted, fresh, Random(2));
    for (const auto& entry : other.stack().weights.entries()) {
      if (entry.name == "head.weight") {
        EXPECT_TRUE(at::equal(entry.value, make_model(wanted, Random(2)).stack().weights.at("head.weight")));
        EXPECT_NE(entry.value[0][0].item<float>(), model.stack().weights.at("head.weight")[0][0].item<float>());
      } else if (entry.name != "head.bias") {
        EXPECT_TRUE(at::equal(entry.value, model.stack().weights.at(entry.name))) << entry.name;
      }
    }
    EXPECT_EQ(std::ssize(other.classes), wanted.classes);
  }
}

TEST(Adapted, PositionsFollowTheGridOfPatches) {
  // Twice as many places: each lies a quarter from one old place, and Keys' cubic convolution (1981) with a = -0.75
  // weighs the four nearest so; along each axis, what lies beyond the border repeats it.
  constexpr double kWeights[] = {-0.10546875, 0.87890625, 0.26171875, -0.03515625};
  const Tensor grid = at::rand({6, 8}, at::kDouble);
  const Tensor positions = at::cat({at::full({1, 1}, 9.0, at::kDouble), grid.reshape({48, 1})});
  EXPECT_TRUE(at::equal(interpolate_positions(positions, 6, 8, 6, 8), positions));
  const Tensor found = interpolate_positions(positions, 6, 8, 12, 16);
  EXPECT_EQ(found[0].item<double>(), 9);
  const Tensor places = found.slice(0, 1).view({12, 16});
  const auto old = [&](int64_t y, int64_t x) {
    return grid[std::clamp<int64_t>(y, 0, 5)][std::clamp<int64_t>(x, 0, 7)].item<double>();
  };
  for (int64_t y = 0; y < 12; y += 2)
    for (int64_t x = 1; x < 16; x += 2) {
      double sum = 0;
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t k = 0; k < 4; ++k)  // even: a quarter before old place y / 2; odd: a quarter behind x / 2
          sum += kWeights[i] * kWeights[k] * old(y / 2 + 1 - i, x / 2 - 1 + k);
      EXPECT_NEAR(places[y][x].item<double>(), sum, 1e-12) << y << " " << x;
    }
  EXPECT_THROW(interpolate_positions(positions, 6, 7, 12, 16), Error);

  const Model model = make_model(small(), Random(1));
  VitConfig config = small();
  config.image_height = config.image_width = 16;
  const Model larger = adapted(model, config, false, Random(2));
  EXPECT_EQ(larger.stack().weights.at("embed.positions").size(0), 17);
  EXPECT_EQ(logits(larger).sizes(), (at::IntArrayRef{2, 5}));
}

TEST(Adapted, SlotsMayBeAddedAndNothingElse) {
  const Model model = make_model(small(), Random(1));
  for (const char* slots : {"position", "predict"}) {
    VitConfig config = small();
    config.slots = slots;
    const Model other = adapted(model, config, false, Random(2));
    EXPECT_GT(other.stack().weights.entries().size(), model.stack().weights.entries().size());
    EXPECT_TRUE(at::equal(other.stack().weights.at("blocks.1.mixer.qkv.weight"),
                          model.stack().weights.at("blocks.1.mixer.qkv.weight")));
  }
  VitConfig deeper = small(), wider = small();
  deeper.depth = 3;
  wider.hidden = 20;
  EXPECT_THROW(adapted(model, deeper, false, Random(2)), UsageError);
  EXPECT_THROW(adapted(model, wider, false, Random(2)), UsageError);
}

}  // namespace
}  // namespace strata
