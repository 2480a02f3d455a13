#include "strata/train/lora.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strata/base/error.h"
#include "strata/blocks/tokens.h"
#include "strata/models/peft.h"
#include "strata/route/order.h"
#include "tests/temporary_folder.h"
#include "tests/train/tiny_text.h"

namespace strata {
namespace {

Tensor logits(const Stack& stack, const Overlay* overlay) {
  at::manual_seed(3);
  RunOptions options;
  if (overlay) options.overlays = {overlay};
  return run(stack, identity(stack.depth()), token_stream(at::randint(256, {12}, at::kLong), ragged_rows({7, 5})),
             options)
      .x();
}

double distance(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Lora, ChangesNothingAtFirst) {
  const Stack stack = first_model(tiny_text_recipe()).stack();
  const Lora lora = make_lora(stack, {.rank = 2}, Random(1));
  EXPECT_EQ(distance(logits(stack, &lora.overlay), logits(stack, nullptr)), 0);
  EXPECT_EQ(lora.parameters.values.size(), 3U * 4 * 2) << "qkv, out, up and down of three blocks";
}

TEST(Lora, MergedWeightsComputeWhatTheOverlayDoes) {
  const Stack stack = first_model(tiny_text_recipe()).stack();
  const Lora lora = make_lora(stack, {.rank = 2, .alpha = 6}, Random(1));
  const at::NoGradGuard no_grad;
  at::manual_seed(5);
  for (const auto& value : lora.parameters.values) value.normal_();
  const Tensor with = logits(stack, &lora.overlay);
  EXPECT_GT(distance(with, logits(stack, nullptr)), 0.1);
  Stack merged = stack;
  merge_overlay(merged, lora.overlay);
  EXPECT_LT(distance(with, logits(merged, nullptr)), 1e-3);
}

TEST(Lora, TargetsAreNames) {
  const Stack stack = first_model(tiny_text_recipe()).stack();
  const Lora lora = make_lora(stack, {.rank = 2, .targets = {"qkv"}}, Random(1));
  EXPECT_EQ(lora.parameters.names.size(), 3U * 2);
  for (const auto& name : lora.parameters.names) EXPECT_THAT(name, testing::HasSubstr("qkv.weight.lora_"));
  EXPECT_THROW(make_lora(stack, {.rank = 2, .targets = {"qvk"}}, Random(1)), UsageError);
  EXPECT_THROW(make_lora(stack, {.rank = 17}, Random(1)), UsageError);
}

// A trained model goes on with low-rank changes on text it has not seen; the weights it came from stay.
TEST(Lora, FineTunes) {
  const TemporaryFolder folder;
  const TrainResult first = train(tiny_text_recipe({"sampler.kind=fixed"}), tiny_text_data(),
                                  {.run_folder = folder.file("first"), .quiet = true});
  TrainData backwards = tiny_text_data();  // lines that count down instead
  for (TextSet* set : {&backwards.text, &backwards.test_text}) {
    const Tensor digits = set->tokens.ne('\n');
    set->tokens = at::where(digits, '0' + '9' - set->tokens, set->tokens).to(at::kInt);
  }
  const Recipe recipe = parse_recipe("[model]\nstart = \"" + first.model_folder + R"("
[data]
kind = "text"
context = 18
[lora]
rank = 4
alpha = 8
[optimiser]
lr = 2e-2
[train]
steps = 80
batch = 8
[eval]
orders = 0
)",
                                     "lora.toml");
  const double before =
      score(open_model(first.model_folder).stack(), identity(3), TextExam(backwards.test_text, 18, 18)).bits_per_byte;
  const TrainResult second = train(recipe, backwards, {.run_folder = folder.file("second"), .quiet = true});
  EXPECT_LT(second.sequential.bits_per_byte, 0.6 * before);
  const Model old_model = open_model(first.model_folder), new_model = open_model(second.model_folder);
  for (const auto& entry : old_model.stack().weights.entries()) {
    const bool changed = distance(entry.value, new_model.stack().weights.at(entry.name)) > 0;
    EXPECT_EQ(changed, entry.name.starts_with("blocks.") && entry.value.dim() == 2) << entry.name;
  }
}

}  // namespace
}  // namespace strata
