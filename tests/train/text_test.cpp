// Training on text: that it learns, how it cuts batches, what it refuses.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <numbers>

#include "strata/base/error.h"
#include "strata/blocks/tokens.h"
#include "strata/route/order.h"
#include "strata/train/objective.h"
#include "tests/temporary_folder.h"
#include "tests/train/tiny_text.h"

namespace strata {
namespace {

TrainResult quiet_run(const TemporaryFolder& folder, const std::vector<std::string>& overrides = {}) {
  return train(tiny_text_recipe(overrides), tiny_text_data(), {.run_folder = folder.path(), .quiet = true});
}

TEST(TrainText, LearnsInAnyOrder) {
  const TemporaryFolder folder;
  const TrainResult result = quiet_run(folder, {"train.steps=200", "eval.every=50"});
  EXPECT_EQ(result.sequential.samples, 50 * 8);
  EXPECT_GT(result.sequential.bits_per_byte, 0);
  EXPECT_LT(result.sequential.bits_per_byte, 1) << "8 bits before training, 0 at best";
  EXPECT_EQ(result.arbitrary.routes, 6);
  EXPECT_LT(result.arbitrary.mean, 1.5);
  const Model model = open_model(result.model_folder);
  EXPECT_EQ(score(model.stack(), identity(3), TextExam(tiny_text_data().test_text, 18, 18)), result.sequential);
  EXPECT_EQ(model.notes.steps, 200);
}

TEST(TrainText, EveryPackingLearns) {
  for (const char* packing : {"windows", "packed", "documents"}) {
    SCOPED_TRACE(packing);
    const TemporaryFolder folder;
    const TrainResult result =
        quiet_run(folder, {std::string("data.packing=") + packing, "sampler.kind=fixed", "eval.orders=0"});
    EXPECT_LT(result.sequential.bits_per_byte, 1.5);
  }
}

// What is computed in pieces, ragged ones too, is what is computed at once.
TEST(TrainText, PiecesAddUpToTheBatch) {
  for (const char* packing : {"windows", "packed", "documents"}) {
    SCOPED_TRACE(packing);
    const TemporaryFolder whole, pieces;
    const std::vector<std::string> same{std::string("data.packing=") + packing, "train.steps=5", "optimiser.eps=1e-3"};
    const auto with = [&](const std::string& accumulate) {
      std::vector<std::string> all = same;
      all.push_back("train.accumulate=" + accumulate);
      return all;
    };
    const TrainResult one = quiet_run(whole, with("1")), four = quiet_run(pieces, with("4"));
    EXPECT_NEAR(one.sequential.loss, four.sequential.loss, 1e-4);
  }
}

TEST(TrainText, LossIsThatOfTheLogits) {
  const Recipe recipe = tiny_text_recipe();
  Model model = first_model(recipe);
  Parameters params = trained_parameters(model.stack().weights);
  const TextBatches batches(tiny_text_data().text, {.packing = Packing::packed, .context = 18, .batch = 4});
  const TextBatch batch = batches.at(3);
  const Draw draw{identity(3), {}};
  const int64_t learned = batch.targets.ne(-100).sum().item<int64_t>();
  const Tensor loss =
      losses(model.stack(), draw, batch, 1.0 / static_cast<double>(learned), recipe.objective).classification;
  const Tensor logits = run(model.stack(), draw.route, token_stream(batch.tokens, batch.rows)).x();
  const Tensor want = at::cross_entropy_loss(logits, batch.targets);
  EXPECT_NEAR(loss.item<double>(), want.item<double>(), 1e-5);
  const auto got_gradients = torch::autograd::grad({loss}, params.values),
             want_gradients = torch::autograd::grad({want}, params.values);
  for (size_t i = 0; i < params.values.size(); ++i)
    EXPECT_LT((got_gradients[i] - want_gradients[i]).abs().max().item<double>(), 1e-5) << params.names[i];
}

TEST(TrainText, ExamAsksForEveryTokenOnce) {
  const TextSet set = counting_lines(7, 3);
  const Model model = first_model(tiny_text_recipe());
  const Score whole = score(model.stack(), identity(3), TextExam(set, 8, 8));
  EXPECT_EQ(whole.samples, 7 * 8);
  EXPECT_NEAR(whole.bits_per_byte, whole.loss / std::numbers::ln2, 1e-9) << "a token is a byte";
  // Documents are as long as the context, so a stride changes nothing; small batches neither.
  EXPECT_NEAR(score(model.stack(), identity(3), TextExam(set, 8, 8, 1)).loss, whole.loss, 1e-6);
  for (const int64_t stride : {1, 2, 3}) {
    const TextExam exam(set, 3, stride);
    EXPECT_EQ(exam.samples(), 7 * 8);
    int64_t asked = 0;
    for (int64_t b = 0; b < exam.batches(); ++b) asked += exam.at(b).targets.ne(-100).sum().item<int64_t>();
    EXPECT_EQ(asked, exam.samples());
  }
}

// Perplexity over sliding windows, one pass for each window and token by token.
TEST(TrainText, SlidingWindowsGiveEachTokenItsContext) {
  const TextSet set = counting_lines(3, 4);  // documents of 9 tokens
  const Stack stack = first_model(tiny_text_recipe()).stack();
  for (const auto& [context, stride] : {std::pair{4, 1}, {4, 2}, {4, 4}, {5, 3}, {8, 8}}) {
    SCOPED_TRACE(testing::Message() << context << " " << stride);
    double nats = 0;
    int64_t asked = 0;
    for (int64_t d = 0; d < 3; ++d) {
      const Tensor tokens = set.tokens.slice(0, 9 * d, 9 * d + 9).to(at::kLong);
      for (int64_t t = 1; t < 9; ++t) {
        int64_t first = 0;  // of the first window, so far to the right, whose inputs reach the token before t
        while (first + context < t) first += stride;
        const Tensor inputs = tokens.slice(0, first, t);
        const Tensor logits =
            run(stack, identity(3), token_stream(inputs, equal_rows(1, inputs.size(0)))).x()[inputs.size(0) - 1];
        nats -= at::log_softmax(logits, 0)[tokens[t].item<int64_t>()].item<double>();
        ++asked;
      }
    }
    const Score found = score(stack, identity(3), TextExam(set, context, stride));
    EXPECT_EQ(found.samples, asked);
    EXPECT_NEAR(found.loss, nats / static_cast<double>(asked), 1e-5);
    EXPECT_NEAR(found.bits_per_byte, found.loss / std::numbers::ln2, 1e-9) << "a token is a byte";
  }
}

TEST(TrainText, KeysAreThoseOfText) {
  const Recipe recipe = parse_recipe("[data]\nkind = \"text\"\n", "run.toml");
  EXPECT_EQ(recipe.data.set, "kjv");
  EXPECT_EQ(recipe.model.language.vocab, 256);
  EXPECT_EQ(print_recipe(parse_recipe(print_recipe(recipe), "run.toml")), print_recipe(recipe));
  EXPECT_EQ(parse_recipe("", "run.toml", {"data.kind=text", "model.size=gpt2"}).model.language.vocab, 50257);
  for (const auto& [change, words] : std::vector<std::pair<std::string, std::string>>{{"model.size=fashion", "gpt2"},
                                                                                      {"data.crop=1", "crop"},
                                                                                      {"data.held_out=1", "held_out"},
                                                                                      {"data.packing=loose", "windows"},
                                                                                      {"data.kind=texts", "images"}}) {
    try {
      parse_recipe("[data]\nkind = \"text\"\n", "run.toml", {change});
      ADD_FAILURE() << change << " was taken";
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(words)) << change;
    }
  }
}

TEST(TrainText, DataThatDoNotFitAreRefused) {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::vector<std::string>& overrides) -> std::string {
    try {
      quiet_run(folder, overrides);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal({"model.vocab=100"}), testing::HasSubstr("set model.vocab to 256"));
  EXPECT_THAT(refusal({"data.context=40"}), testing::HasSubstr("at most 32"));
  EXPECT_THAT(refusal({"data.context=30", "model.context=100000", "train.batch=1000000000"}),
              testing::HasSubstr("text batches"));
}

}  // namespace
}  // namespace strata
