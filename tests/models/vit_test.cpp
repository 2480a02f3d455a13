#include "strata/models/vit.h"

#include <gtest/gtest.h>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/stack/run.h"

namespace strata {
namespace {

TEST(Vit, ParameterCountsOfPublishedSizes) {
  EXPECT_EQ(make_vit(vit_size("Ti/16"), Random(1)).weights.parameters(), 5717416);  // DeiT-Ti, Touvron et al. 2021
  VitConfig config = vit_size("fashion");
  const Stack plain = make_vit(config, Random(1));
  config.slots = "position";
  const int64_t d = config.channels, slots = config.depth;
  EXPECT_EQ(make_vit(config, Random(1)).weights.parameters() - plain.weights.parameters(),
            32 * slots + slots * (2 * (d + 32) + (d + 32) * d + d));
  config.slots = "predict";
  EXPECT_EQ(make_vit(config, Random(1)).weights.parameters() - plain.weights.parameters(),
            slots * (2 * d + d * slots + slots));
}

TEST(Vit, RunsARoute) {
  const Stack stack = make_vit(vit_size("fashion"), Random(1));
  const auto images = at::randn({3, 1, 28, 28});
  const auto logits = run(stack, identity(6), image_stream(images)).x();
  EXPECT_EQ(logits.sizes(), (at::IntArrayRef{3, 10}));
  EXPECT_TRUE(at::equal(logits, run(stack, identity(6), image_stream(images)).x()));
}

}  // namespace
}  // namespace strata
