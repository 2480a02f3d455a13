// What LayerShuffle (arXiv 2407.04513), LayerDrop (arXiv 1909.11556) and routes in general promise exactly: bit for
// bit, or to 1e-12 in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/stack/run.h"
#include "tests/stack/toys.h"

namespace strata {
namespace {

using toys::random_tensor;
using toys::random_vit;
using toys::small_vit;
using toys::worst;

Tensor logits(const Stack& stack, const Route& route, const Tensor& images, const RunOptions& options = {}) {
  return run(stack, route, image_stream(images), options).x();
}

// embed, the blocks one after the other by hand, head: what a route must reproduce. `slots` are 0, 1, ... unless given.
Tensor by_hand(const Stack& stack, const std::vector<int>& order, const Tensor& images,
               const std::vector<int64_t>& slots = {}) {
  const RunOptions options;
  const Runner runner(stack, options);
  Stream x = runner.embed(image_stream(images));
  const Given nothing;
  for (size_t i = 0; i < order.size(); ++i)
    for (const auto& part : stack.blocks[order[i]]->parts()) {
      Pass pass{.given = nothing, .place = {.slot = slots.empty() ? static_cast<int64_t>(i) : slots[i]}};
      const Weights weights(stack.weights, "blocks." + std::to_string(order[i]) + "." + part.name + ".");
      x = add(x, part.block->forward(weights, x, pass));
    }
  return runner.head(x).x();
}

TEST(Exact, FullRouteIsThePlainForwardAndTheEmptyRouteIsHeadOfEmbed) {
  const Stack stack = random_vit(small_vit(), 1);
  const Tensor images = random_tensor({3, 1, 8, 8}, 2);
  EXPECT_TRUE(at::equal(logits(stack, identity(4), images), by_hand(stack, {0, 1, 2, 3}, images)));
  EXPECT_TRUE(at::equal(logits(stack, parse_route("none"), images), by_hand(stack, {}, images)));
  EXPECT_TRUE(at::equal(logits(stack, parse_route("3,1,1"), images), by_hand(stack, {3, 1, 1}, images)));
}

TEST(Exact, PartsInSequenceAreTheBlock) {
  const Stack stack = random_vit(small_vit(), 1);
  const Tensor images = random_tensor({2, 1, 8, 8}, 3);
  EXPECT_TRUE(at::equal(logits(stack, parse_route("0-3"), images),
                        logits(stack, parse_route("0.mixer,0.ffn,1.mixer,1.ffn,2,3.mixer,3.ffn"), images)));
}

// A route that drops blocks equals a checkpoint that never had them: forward and every gradient, and dropped blocks get
// none.
TEST(Exact, DroppedBlocksEqualAPrunedModel) {
  Stack stack = random_vit(small_vit(), 4);
  VitConfig pruned_config = small_vit();
  pruned_config.depth = 2;
  Stack pruned = random_vit(pruned_config, 5);
  const auto original = [](std::string name) {  // block i of the pruned model was block 1 or 3
    if (name.starts_with("blocks.")) name[7] = name[7] == '0' ? '1' : '3';
    return name;
  };
  for (auto& entry : pruned.weights.entries())
    entry.value = stack.weights.at(original(entry.name)).clone().set_requires_grad(true);
  for (auto& entry : stack.weights.entries()) entry.value.set_requires_grad(true);
  const Tensor images = random_tensor({3, 1, 8, 8}, 6);
  const Tensor a = logits(stack, parse_route("1,3"), images), b = logits(pruned, identity(2), images);
  EXPECT_TRUE(at::equal(a, b));
  a.square().sum().backward();
  b.square().sum().backward();
  for (const auto& entry : stack.weights.entries())
    if (entry.name.starts_with("blocks.0.") || entry.name.starts_with("blocks.2."))
      EXPECT_FALSE(entry.value.grad().defined()) << entry.name;
  for (const auto& entry : pruned.weights.entries())
    EXPECT_TRUE(at::equal(entry.value.grad(), stack.weights.at(original(entry.name)).grad())) << entry.name;
}

TEST(Exact, ABlockWithZeroOutputsIsTheIdentity) {
  Stack stack = random_vit(small_vit(), 7);
  for (auto& entry : stack.weights.entries())
    if (entry.name.starts_with("blocks.2.") &&
        (entry.name.find(".out.") != std::string::npos || entry.name.find(".down.") != std::string::npos))
      entry.value.zero_();
  const Tensor images = random_tensor({2, 1, 8, 8}, 8);
  const Tensor without = logits(stack, parse_route("0,1,3"), images);
  for (const char* route : {"2,0,1,3", "0,2,1,3", "0-3", "0,1,3,2", "2,0,2,1,2,3,2"})
    EXPECT_TRUE(at::equal(logits(stack, parse_route(route), images), without)) << route;
}

TEST(Exact, CopiesOfOneBlockCommute) {
  Stack stack = random_vit(small_vit(), 9);
  for (auto& entry : stack.weights.entries())
    for (int i = 1; i < 4; ++i)
      if (const std::string prefix = "blocks." + std::to_string(i) + "."; entry.name.starts_with(prefix))
        entry.value = stack.weights.at("blocks.0." + entry.name.substr(prefix.size()));
  const Tensor images = random_tensor({2, 1, 8, 8}, 10);
  const Tensor expected = logits(stack, identity(4), images);
  for (const auto& route : all_orders(4)) ASSERT_TRUE(at::equal(logits(stack, route, images), expected));
}

TEST(Exact, LinearBlocksGiveTheProductInRouteOrder) {
  const Stack stack = toys::linear_stack(4, 5, 11);
  const Tensor x = random_tensor({3, 5}, 12), unit = at::eye(5, at::kDouble);
  const auto matrix = [&](int i) { return stack.weights.at("blocks." + std::to_string(i) + ".matrix"); };
  const auto go = [&](const char* route) { return run(stack, parse_route(route), toys::rows(x)).x(); };
  for (const auto& route : all_orders(4)) {
    Tensor product = unit;
    for (const auto& step : route.steps) product = at::matmul(unit + matrix(step[0].block), product);
    ASSERT_LT(worst(run(stack, route, toys::rows(x)).x(), at::matmul(x, product.t())), 1e-12);
  }
  const Tensor commutator = at::matmul(matrix(0), matrix(1)) - at::matmul(matrix(1), matrix(0));
  EXPECT_LT(worst(go("1,0") - go("0,1"), at::matmul(x, commutator.t())), 1e-12);
  EXPECT_LT(worst(go("0,1") - go("0+1"), at::matmul(x, at::matmul(matrix(1), matrix(0)).t())), 1e-12);
}

TEST(Exact, DiagonalBlocksCommute) {
  Stack stack = toys::linear_stack(4, 5, 13);
  for (auto& entry : stack.weights.entries()) entry.value = entry.value.diag().diag();
  const Tensor x = random_tensor({3, 5}, 14);
  const Tensor expected = run(stack, identity(4), toys::rows(x)).x();
  for (const auto& route : all_orders(4)) ASSERT_LT(worst(run(stack, route, toys::rows(x)).x(), expected), 1e-13);
}

TEST(Exact, SlotAdapterReadsTheTableBySlot) {
  VitConfig config = small_vit();
  const Tensor images = random_tensor({2, 1, 8, 8}, 16);
  config.slots = "position";
  Stack stack = random_vit(config, 15);
  const Route shuffled = parse_route("2,0,3,1");

  // The same blocks without adapters.
  config.slots = "none";
  Stack plain = make_vit(config, Random(1));
  for (auto& entry : plain.weights.entries()) entry.value = stack.weights.at(entry.name);

  const Tensor with = logits(stack, shuffled, images);
  EXPECT_GT(worst(with, logits(plain, shuffled, images)), 1e-3);
  // With E != 0, permuting blocks changes the output.
  for (const auto& order : all_orders(4))
    if (order != identity(4)) EXPECT_GT(worst(logits(stack, order, images), logits(stack, identity(4), images)), 1e-3);
  // But not when all blocks are copies: E belongs to slots, so that only another E does.
  for (auto& entry : stack.weights.entries())
    for (int i = 1; i < 4; ++i)
      if (const std::string prefix = "blocks." + std::to_string(i) + "."; entry.name.starts_with(prefix))
        entry.value = stack.weights.at("blocks.0." + entry.name.substr(prefix.size()));
  const Tensor copies = logits(stack, identity(4), images);
  EXPECT_TRUE(at::equal(copies, logits(stack, shuffled, images)));
  const Tensor table = stack.weights.at("shared.slot_table");
  stack.weights.set("shared.slot_table", table.flip(0));
  const Tensor flipped = logits(stack, identity(4), images);
  EXPECT_GT(worst(copies, flipped), 1e-6);
}

// Slots are names of rows of the table: called otherwise, rows and all, they say the same.
TEST(Exact, RowsOfTheSlotTableGoWithTheirSlots) {
  VitConfig config = small_vit();
  const Tensor images = random_tensor({2, 1, 8, 8}, 25);
  config.slots = "position";
  Stack stack = random_vit(config, 24);
  const Tensor table = stack.weights.at("shared.slot_table");
  const auto permute = [&](const Tensor& rows) { stack.weights.set("shared.slot_table", table.index_select(0, rows)); };
  const std::vector<int> order{2, 0, 3, 1};
  const std::vector<int64_t> slots{3, 1, 0, 2};  // of the steps
  const Tensor expected = logits(stack, parse_route("2,0,3,1"), images);
  EXPECT_TRUE(at::equal(by_hand(stack, order, images), expected));
  EXPECT_GT(worst(by_hand(stack, order, images, slots), expected), 1e-3);  // slots alone
  permute(at::tensor(slots, at::kLong).argsort());                         // row slots[i] is what row i was
  EXPECT_GT(worst(by_hand(stack, order, images), expected), 1e-3);         // rows alone
  EXPECT_TRUE(at::equal(by_hand(stack, order, images, slots), expected));

  // A block that adds nothing moves those behind it to later slots.
  for (auto& entry : stack.weights.entries())
    if (entry.name.starts_with("blocks.3.") &&
        (entry.name.find(".out.") != std::string::npos || entry.name.find(".down.") != std::string::npos ||
         entry.name.find(".place.linear.") != std::string::npos))
      entry.value.zero_();
  permute(at::arange(4, at::kLong));
  const Tensor three = logits(stack, parse_route("1,0,2"), images);
  for (const auto& [route, rows] : std::vector<std::pair<const char*, std::vector<int64_t>>>{
           {"3,1,0,2", {3, 0, 1, 2}}, {"1,3,0,2", {0, 3, 1, 2}}, {"1,0,3,2", {0, 1, 3, 2}}}) {
    permute(at::arange(4, at::kLong));
    EXPECT_GT(worst(logits(stack, parse_route(route), images), three), 1e-6) << route;
    permute(at::tensor(rows, at::kLong));
    EXPECT_TRUE(at::equal(logits(stack, parse_route(route), images), three)) << route;
  }
}

// With the adapters' linear layers at zero, gelu(0) = 0 leaves plain LayerShuffle, bit for bit.
TEST(Exact, SlotAdapterAtZeroIsPlain) {
  VitConfig config = small_vit();
  const Tensor images = random_tensor({2, 1, 8, 8}, 18);
  config.slots = "position";
  Stack stack = random_vit(config, 17);
  for (auto& entry : stack.weights.entries())
    if (entry.name.find(".place.linear.") != std::string::npos) entry.value.zero_();
  config.slots = "none";
  Stack plain = make_vit(config, Random(1));
  for (auto& entry : plain.weights.entries()) entry.value = stack.weights.at(entry.name);
  for (const auto& route : all_orders(4))
    ASSERT_TRUE(at::equal(logits(stack, route, images), logits(plain, route, images)));
}

TEST(Exact, SlotPredictorAddsNothingAndAtZeroGivesEvenOdds) {
  VitConfig config = small_vit();
  const Tensor images = random_tensor({2, 1, 8, 8}, 20);
  config.slots = "predict";
  Stack stack = random_vit(config, 19);
  for (auto& entry : stack.weights.entries())
    if (entry.name.find(".predict.linear.") != std::string::npos) entry.value.zero_();
  config.slots = "none";
  Stack plain = make_vit(config, Random(1));
  for (auto& entry : plain.weights.entries()) entry.value = stack.weights.at(entry.name);
  const Route route = parse_route("3,1,0,2");
  Taps taps({"slot.*.block.*.predict.slot_logits"});
  const Tensor with = logits(stack, route, images, {.taps = &taps});
  EXPECT_TRUE(at::equal(with, logits(plain, route, images)));
  ASSERT_EQ(taps.values().size(), 4u);
  for (const auto& [name, value] : taps.values()) {
    EXPECT_EQ(value.sizes(), (at::IntArrayRef{2, 4})) << name;
    EXPECT_DOUBLE_EQ(at::cross_entropy_loss(value, at::full({2}, 1, at::kLong)).item<double>(), std::log(4.0));
  }
}

TEST(Exact, MergingCopiesOfOneModelIsThatModel) {
  const Stack a = random_vit(small_vit(), 21), b = random_vit(small_vit(), 21), other = random_vit(small_vit(), 22);
  const StackSources sources{{"a", &a}, {"b", &b}, {"c", &other}};
  const Tensor images = random_tensor({2, 1, 8, 8}, 23);
  const Tensor expected = logits(a, identity(4), images);
  EXPECT_TRUE(at::equal(logits(a, parse_route("a:0-1,b:2-3"), images, {.sources = &sources}), expected));
  EXPECT_TRUE(at::equal(logits(a, parse_route("0,b:1,2,a:3"), images, {.sources = &sources}), expected));
  EXPECT_FALSE(at::equal(logits(a, parse_route("0,c:1,2,a:3"), images, {.sources = &sources}), expected));
  // An ensemble of a power of two of equal routes is the single prediction; an average does not depend on the order of
  // its routes.
  EXPECT_TRUE(at::equal((expected + expected + expected + expected) / 4, expected));
  auto routes = all_orders(3);
  Tensor forwards = at::zeros_like(expected), backwards = at::zeros_like(expected);
  for (const auto& route : routes) forwards = forwards + logits(a, route, images);
  std::reverse(routes.begin(), routes.end());
  for (const auto& route : routes) backwards = backwards + logits(a, route, images);
  EXPECT_LT(worst(forwards / 6, backwards / 6), 1e-12);
}

TEST(Exact, ABatchIsItsSamples) {
  const Stack stack = random_vit(small_vit(), 24);
  const Tensor images = random_tensor({4, 1, 8, 8}, 25);
  const Tensor together = logits(stack, identity(4), images);
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_LT(worst(logits(stack, identity(4), images.slice(0, i, i + 1)), together.slice(0, i, i + 1)), 1e-12);
}

TEST(Exact, RoutesThatDoNotFitAreRefused) {
  const Stack stack = random_vit(small_vit(), 26);
  const Tensor images = random_tensor({1, 1, 8, 8}, 27);
  for (const char* route : {"0-4", "b:0", "0.cross", "0[heads=3]", "0[neurons=20]", "0[neurons=25%@predicted]"})
    EXPECT_THROW(logits(stack, parse_route(route), images), Error) << route;
}

}  // namespace
}  // namespace strata
