#include "strata/text/pre_tokeniser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "strata/base/error.h"
#include "strata/text/pattern.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

using Cutting = PreTokeniserStep::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<std::string> pieces(std::vector<PreTokeniserStep> steps, std::string_view text) {
  std::vector<std::string> result;
  PreTokeniser(std::move(steps)).split(text, true, [&](std::string_view piece, bool) { result.emplace_back(piece); });
  return result;
}

std::vector<std::string> split(SplitBehaviour behaviour, bool invert, std::string_view text) {
  return pieces(
      {{.kind = Cutting::split, .pattern = Pattern("-", false, "test"), .behaviour = behaviour, .invert = invert}},
      text);
}

TEST(PreTokeniser, WhatBecomesOfMatches) {
  EXPECT_THAT(split(SplitBehaviour::removed, false, "a--b-"), ElementsAre("a", "b"));
  EXPECT_THAT(split(SplitBehaviour::removed, true, "a--b-"), ElementsAre("-", "-", "-"));
  EXPECT_THAT(split(SplitBehaviour::isolated, false, "a--b-"), ElementsAre("a", "-", "-", "b", "-"));
  EXPECT_THAT(split(SplitBehaviour::merged_with_previous, false, "a--b-"), ElementsAre("a-", "-", "b-"));
  EXPECT_THAT(split(SplitBehaviour::merged_with_next, false, "a--b-"), ElementsAre("a", "-", "-b", "-"));
  EXPECT_THAT(split(SplitBehaviour::contiguous, false, "a--b-"), ElementsAre("a", "--", "b", "-"));
}

TEST(PreTokeniser, Words) {
  const auto words = [](WordPattern pattern, std::string_view text) {
    return pieces({{.kind = Cutting::words, .words = pattern}}, text);
  };
  EXPECT_THAT(words(WordPattern::gpt2, "it's  1234 \n\n a!?"),
              ElementsAre("it", "'s", " ", " 1234", " \n\n", " a", "!?"));
  EXPECT_THAT(words(WordPattern::llama3, "IT'S  1234 \n\n a!?\n"),
              ElementsAre("IT", "'S", " ", " ", "123", "4", " \n\n", " a", "!?\n"));
  EXPECT_THAT(words(WordPattern::qwen2, "12(ab"), ElementsAre("1", "2", "(ab"));
  EXPECT_THAT(words(WordPattern::gpt2,
                    "\xFF\xFE"
                    "a \xC3"),
              ElementsAre("\xFF\xFE", "a", " \xC3"));
}

// The matchers written by hand against the expressions they stand for.
TEST(PreTokeniser, WordsAsTheExpressionsSay) {
  const char* const fragments[] = {"'s", "'S",     "'ll", "'re", "'\u017f", "'",         " ",      "  ",
                                   "\n", "\r\n",   "\t",  "a",   "Zz",      "\u00e9",    "\u4f60", "1",
                                   "23", "\u00bd", "!",   "?!",  "\u3000",  "\U0001f600"};
  std::mt19937 random(7);
  for (const WordPattern pattern : {WordPattern::gpt2, WordPattern::llama3, WordPattern::qwen2}) {
    const Pattern regex(std::string(expression(pattern)), true, "test");
    EXPECT_EQ(known_word_pattern(expression(pattern)), pattern);
    for (int i = 0; i < 3000; ++i) {
      std::string text;
      for (int parts = static_cast<int>(random() % 9); parts >= 0; --parts)
        text += fragments[random() % std::size(fragments)];
      EXPECT_EQ(pieces({{.kind = Cutting::words, .words = pattern}}, text),
                pieces({{.kind = Cutting::split, .pattern = regex}}, text))
          << text;
    }
  }
}

TEST(PreTokeniser, DigitsWhitespaceAndPunctuation) {
  EXPECT_THAT(pieces({{.kind = Cutting::digits, .individual = true}}, "a12\u00bd b"),
              ElementsAre("a", "1", "2", "\u00bd", " b"));
  EXPECT_THAT(pieces({{.kind = Cutting::digits}}, "a12 b"), ElementsAre("a", "12", " b"));
  EXPECT_THAT(pieces({{.kind = Cutting::whitespace}}, " a_1?! b "), ElementsAre("a_1", "?!", "b"));
  EXPECT_THAT(pieces({{.kind = Cutting::whitespace_split}, {.kind = Cutting::punctuation}}, " a?! b "),
              ElementsAre("a", "?", "!", "b"));
}

TEST(PreTokeniser, Metaspace) {
  PreTokeniserStep step{.kind = Cutting::metaspace, .pattern = Pattern("_", false, "test"), .text = "_"};
  EXPECT_THAT(pieces({step}, "a  b"), ElementsAre("_a", "_", "_b"));
  EXPECT_THAT(pieces({step}, " a"), ElementsAre("_a"));
  step.use_regex = false;
  EXPECT_THAT(pieces({step}, "a b"), ElementsAre("_a_b"));
}

TEST(Pattern, RefusesWhatIsNoExpression) {
  EXPECT_THROW(Pattern("(", true, "test"), Error);
  EXPECT_THROW(Pattern("", true, "test"), Error);
  EXPECT_THROW(Pattern("", false, "test"), Error);
}

TEST(Pattern, GivesUpInsteadOfHanging) {
  const Pattern pattern("(a+)+$", true, "test");
  EXPECT_THROW(static_cast<void>(pattern.replace_all(std::string(40, 'a') + "b", "", 100)), Error);
}

// What would take minutes: a look over the rest of the text from every place, one match that takes it for every step.
TEST(Pattern, GivesUpOnLongTexts) {
  for (const auto& [expression, bytes] : {std::pair("a(?=.*a)", 1 << 18), std::pair("(?:a(?!a*b))+[cd]", 1 << 16)}) {
    const std::string text(static_cast<size_t>(bytes), 'a');
    EXPECT_THAT([&] { static_cast<void>(Pattern(expression, true, "test").found_in(text)); },
                ThrowsMessage<Error>(HasSubstr("expected to search a text in")))
        << expression;
  }
}

// Runs that need more steps, or more of a stack, than a quick look has are searched with patience.
TEST(Pattern, FindsLongRuns) {
  const std::string run = std::string(100'000, 'a') + "b";
  size_t matches = 0;
  Pattern("(?:a|b)+", true, "test").each_match(run + " ab", [&](size_t begin, size_t end) {
    EXPECT_EQ(end - begin, matches++ == 0 ? run.size() : 2U);
  });
  EXPECT_EQ(matches, 2U);
  EXPECT_EQ(
      Pattern("1{1,3}(?=(?:1{3})*(?:$| ))", true, "test").replace_all(std::string(3001, '1') + " 1111", "-", 5000),
      std::string(1001, '-') + " --");
}

// The time is the search's own.
TEST(Pattern, DoesNotCountWhatIsDoneWithMatches) {
  size_t matches = 0;
  const auto slowly = [&matches](size_t, size_t) {
    const std::clock_t begin = std::clock();
    while (std::clock() - begin < CLOCKS_PER_SEC / 160) {
    }
    ++matches;
  };
  Pattern(".", true, "test").each_match(std::string(300, 'a'), slowly);
  EXPECT_EQ(matches, 300U);
}

TEST(Pattern, ReplacesAndStepsOverIllFormedBytes) {
  EXPECT_EQ(Pattern("[a-z]+", true, "test")
                .replace_all("ab\xFF"
                             "cd 1",
                             "x", 100),
            "x\xFFx 1");
  EXPECT_EQ(Pattern("^a|b$", true, "test").replace_all("ab\nab\naab", "-", 100), "--\n--\n-a-")
      << "at the ends of each line";
  EXPECT_THROW(static_cast<void>(Pattern("a", false, "test").replace_all("aaa", "bbb", 8)), Error);
  EXPECT_EQ(Pattern("x*", true, "test").replace_all("a\u4f60", "-", 100), "-a-\u4f60-");
  EXPECT_EQ(Pattern("a*", true, "test").replace_all("baaac", "-", 100), "-b-c-") << "no empty match behind a match";
}

}  // namespace
}  // namespace strata
