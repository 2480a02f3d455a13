#include "strata/eval/choices.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strata/base/error.h"
#include "strata/blocks/tokens.h"
#include "strata/route/order.h"
#include "tests/temporary_folder.h"
#include "tests/train/tiny_text.h"

namespace strata {
namespace {

TEST(Choices, AreReadWithTheirSpaces) {
  const auto questions = parse_choices(R"({"question": "1+1=", "choices": ["2", " 3"], "answer": 0}

{"question": "A ", "choices": ["b", "c"], "answer": "c"})",
                                       "x.jsonl", byte_codec());
  ASSERT_EQ(questions.size(), 2U);
  EXPECT_EQ(questions[0].choices[0].answer, (std::vector<int32_t>{' ', '2'}));
  EXPECT_EQ(questions[0].choices[1].answer, (std::vector<int32_t>{' ', '3'}));
  EXPECT_EQ(questions[0].choices[0].bytes, 2);
  EXPECT_EQ(questions[1].choices[0].answer, (std::vector<int32_t>{'b'}));
  EXPECT_EQ(questions[1].answer, 1);
}

TEST(Choices, WrongLinesAreNamed) {
  for (const char* line :
       {R"({"question": "a", "choices": ["b", "c"], "answer": 2})",
        R"({"question": "a", "choices": ["b", "c"], "answer": "d"})", R"({"question": "a", "choices": ["b", "c"]})",
        R"({"question": "a", "choices": ["b"], "answer": 0})",
        R"({"question": "", "choices": ["b", "c"], "answer": 0})",
        R"({"question": "a", "choices": ["", "c"], "answer": 0})", R"({"question": "a", )", "[]"}) {
    try {
      parse_choices(std::string("\n") + line, "x.jsonl", byte_codec());
      ADD_FAILURE() << line << " was taken";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("x.jsonl:2")) << line;
    }
  }
  EXPECT_THROW(parse_choices("\n\n", "x.jsonl", byte_codec()), Error);
}

// The log-probability of each choice, one pass each, token by token.
TEST(Choices, AreThoseOfTheLogits) {
  const Stack stack = first_model(tiny_text_recipe()).stack();
  const auto questions = parse_choices(R"({"question": "0123", "choices": ["4567", "9", "zz"], "answer": 1}
{"question": "a much longer question than fits", "choices": ["x", "yy"], "answer": 0})",
                                       "x.jsonl", byte_codec());
  const int64_t context = 10;
  double nats = 0, bytes = 0;
  int64_t right = 0, right_normalised = 0;
  for (const auto& question : questions) {
    std::vector<double> sums, by_byte;
    for (const auto& choice : question.choices) {
      std::vector<int64_t> whole(choice.question.begin(), choice.question.end());
      whole.insert(whole.end(), choice.answer.begin(), choice.answer.end());
      if (std::ssize(whole) > context + 1) whole.erase(whole.begin(), whole.end() - context - 1);
      const Tensor tokens = at::tensor(whole, at::kLong);
      const int64_t inputs = std::ssize(whole) - 1;
      const Tensor logits =
          run(stack, identity(3), token_stream(tokens.slice(0, 0, inputs), equal_rows(1, inputs))).x();
      const Tensor log_p = at::log_softmax(logits, 1).gather(1, tokens.slice(0, 1).unsqueeze(1));
      sums.push_back(log_p.slice(0, inputs - std::ssize(choice.answer)).sum().item<double>());
      by_byte.push_back(sums.back() / static_cast<double>(choice.bytes));
    }
    right += std::max_element(sums.begin(), sums.end()) - sums.begin() == question.answer;
    right_normalised += std::max_element(by_byte.begin(), by_byte.end()) - by_byte.begin() == question.answer;
    nats -= sums[question.answer];
    bytes += static_cast<double>(question.choices[question.answer].bytes);
  }
  const ChoiceScore score = score_choices(stack, identity(3), questions, context);
  EXPECT_EQ(score.questions, 2);
  EXPECT_DOUBLE_EQ(score.accuracy, right / 2.0);
  EXPECT_DOUBLE_EQ(score.accuracy_normalised, right_normalised / 2.0);
  EXPECT_NEAR(score.bits_per_byte, nats / std::log(2.0) / bytes, 1e-4);
  EXPECT_THROW(score_choices(stack, identity(3), questions, 2), Error);
}

TEST(Choices, ATrainedModelKnowsWhatFollows) {
  const TemporaryFolder folder;
  const TrainResult trained = train(tiny_text_recipe({"sampler.kind=fixed", "eval.orders=0"}), tiny_text_data(),
                                    {.run_folder = folder.path(), .quiet = true});
  std::string lines;
  for (int i = 0; i < 10; ++i) {
    const auto digit = [&](int k) { return static_cast<char>('0' + (i + k) % 10); };
    lines += std::string("{\"question\": \"\\n") + digit(0) + digit(1) + digit(2) + "\", \"choices\": [\"";
    for (const int k : {5, 3, 4}) lines += std::string(k == 5 ? "" : "\", \"") + digit(k) + digit(k + 1);
    lines += "\"], \"answer\": 1}\n";
  }
  auto questions = parse_choices(lines, "x.jsonl", byte_codec());
  for (auto& question : questions)
    for (auto& choice : question.choices) choice.answer.erase(choice.answer.begin());  // the space: numbers go on
  EXPECT_GE(score_choices(open_model(trained.model_folder).stack(), identity(3), questions, 16).accuracy, 0.8);
}

}  // namespace
}  // namespace strata
