#include "strata/text/sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"

namespace strata {
namespace {

using nlohmann::json;

constexpr float kNever = -std::numeric_limits<float>::infinity();

Sampling sampling_from(const json& settings) {
  Sampling result{.sample = true, .top_k = 0};
  result.temperature = settings.value("temperature", result.temperature);
  result.top_k = settings.value("top_k", result.top_k);
  result.top_p = settings.value("top_p", result.top_p);
  result.min_p = settings.value("min_p", result.min_p);
  result.typical_p = settings.value("typical_p", result.typical_p);
  result.repetition_penalty = settings.value("repetition_penalty", result.repetition_penalty);
  result.no_repeat_ngram = settings.value("no_repeat_ngram", result.no_repeat_ngram);
  result.bad_words = settings.value("bad_words", result.bad_words);
  result.min_length = settings.value("min_length", result.min_length);
  result.min_new_tokens = settings.value("min_new_tokens", result.min_new_tokens);
  result.suppress = settings.value("suppress", result.suppress);
  result.suppress_first = settings.value("suppress_first", result.suppress_first);
  if (settings.contains("forced_first")) result.forced_first = settings["forced_first"].get<int32_t>();
  return result;
}

// tests/golden/sampling.py: the logits processors of transformers.
TEST(Sampling, ProcessesAsTransformersDoes) {
  const json golden = json::parse(read_text("tests/golden/sampling.json", 1 << 20));
  const auto ends = golden["ends"].get<std::vector<int32_t>>();
  for (const auto& entry : golden["cases"]) {
    SCOPED_TRACE(entry["settings"].dump() + " after " + entry["tokens"].dump());
    const Sampling sampling = sampling_from(entry["settings"]);
    const auto tokens = entry["tokens"].get<std::vector<int32_t>>();
    auto logits = entry["logits"].get<std::vector<float>>();
    const TokenHistory history{.tokens = tokens, .prompt = entry["prompt"].get<int64_t>(), .last = false, .ends = ends};
    penalise(sampling, history, logits);
    narrow(sampling, logits);
    for (size_t i = 0; i < logits.size(); ++i) {
      if (entry["scores"][i].is_null())
        EXPECT_EQ(logits[i], kNever) << i;
      else
        EXPECT_NEAR(logits[i], entry["scores"][i].get<float>(), 1e-5) << i;
    }
  }
}

TEST(Sampling, PresenceAndFrequencyCountTheOutputOnly) {
  std::vector<float> logits(5, 1);
  const std::vector<int32_t> tokens = {0, 0, 1, 2, 2};
  penalise({.presence_penalty = 0.5, .frequency_penalty = 0.25}, {.tokens = tokens, .prompt = 2}, logits);
  EXPECT_EQ(logits, (std::vector<float>{1, 0.25, 0, 1, 1}));
}

TEST(Sampling, TheLastTokenCanBeForced) {
  std::vector<float> logits(4, 1);
  const std::vector<int32_t> tokens = {0};
  penalise({.forced_last = {3}}, {.tokens = tokens, .prompt = 1, .last = true}, logits);
  EXPECT_EQ(most_probable(logits), 3);
  EXPECT_EQ(logits[0], kNever);
}

// Pearson's test over 11 kinds of tokens: 29.6 is the 0.1 % quantile of chi-square with 10 degrees of freedom.
TEST(Sampling, DrawsAreDistributedAsTheSoftmax) {
  std::vector<float> logits;
  for (int i = 0; i < 11; ++i) logits.push_back(std::sin(static_cast<float>(i)) * 2);
  logits.push_back(kNever);
  constexpr int kDraws = 200'000;
  std::vector<int64_t> counts(logits.size(), 0);
  Random random(3);
  for (int i = 0; i < kDraws; ++i) ++counts[static_cast<size_t>(draw(logits, random.uniform()))];
  double chi = 0;
  for (int32_t i = 0; i < 11; ++i) {
    const double expected = std::exp(log_probability(logits, i)) * kDraws;
    chi += (static_cast<double>(counts[static_cast<size_t>(i)]) - expected) *
           (static_cast<double>(counts[static_cast<size_t>(i)]) - expected) / expected;
  }
  EXPECT_LT(chi, 29.6);
  EXPECT_EQ(counts.back(), 0);
}

TEST(Sampling, EachTokenHasItsOwnRandomNumber) {
  const Sampling sampling{.sample = true, .top_k = 0};
  const std::vector<int32_t> history = {1, 2, 3, 4};
  const auto drawn = [&](size_t length, uint64_t seed) {
    std::vector<float> logits(1000, 0);
    return pick(sampling, {.tokens = std::span(history).first(length), .prompt = 1}, logits, Random(seed));
  };
  EXPECT_EQ(drawn(2, 5), drawn(2, 5));
  EXPECT_NE(drawn(2, 5), drawn(3, 5));
  EXPECT_NE(drawn(2, 5), drawn(2, 6));
}

TEST(Sampling, TinyTemperaturesPickTheMostProbable) {
  const std::vector<int32_t> history = {7};
  for (const double temperature : {1e-3, 1e-40, 1e-300}) {
    std::vector<float> logits = {20, -5, 30, 29};
    EXPECT_EQ(pick({.sample = true, .temperature = temperature}, {.tokens = history, .prompt = 1}, logits, Random(3)),
              2);
  }
}

TEST(Sampling, LogProbabilitiesAddUp) {
  const std::vector<float> logits = {1, 3, kNever, 3, -20};
  double sum = 0;
  for (int32_t i = 0; i < 5; ++i) sum += std::exp(log_probability(logits, i));
  EXPECT_NEAR(sum, 1, 1e-12);
  const auto top = top_log_probabilities(logits, 3);
  ASSERT_EQ(top.size(), 3U);
  EXPECT_EQ(top[0].first, 1);
  EXPECT_EQ(top[1].first, 3);
  EXPECT_EQ(top[2].first, 0);
  EXPECT_NEAR(top[2].second, log_probability(logits, 0), 1e-6);
  EXPECT_EQ(top_log_probabilities(logits, 100).size(), 5U);
  EXPECT_THROW((void)log_probability(logits, 5), Error);
}

TEST(Sampling, BrokenLogitsAndSettingsAreRefused) {
  EXPECT_THROW((void)most_probable(std::vector<float>{1, std::nanf("")}), Error);
  EXPECT_THROW((void)most_probable(std::vector<float>{1, -kNever}), Error);
  EXPECT_THROW((void)most_probable(std::vector<float>{kNever, kNever}), Error);
  EXPECT_THROW((void)draw(std::vector<float>{}, 0.5), Error);
  EXPECT_EQ(draw(std::vector<float>{kNever, 1, kNever}, 1.0 - 1e-16), 1);
  for (const Sampling& wrong :
       {Sampling{.temperature = -1}, Sampling{.top_k = -1}, Sampling{.top_p = 0}, Sampling{.top_p = 1.5},
        Sampling{.min_p = -0.1}, Sampling{.typical_p = 0}, Sampling{.repetition_penalty = 0},
        Sampling{.presence_penalty = std::nan("")}, Sampling{.no_repeat_ngram = -2}})
    EXPECT_THROW(check(wrong), UsageError);
}

}  // namespace
}  // namespace strata
