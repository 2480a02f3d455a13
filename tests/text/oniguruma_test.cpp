#include "strata/text/oniguruma.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/text/pattern.h"

namespace strata {
namespace {

using nlohmann::json;

const json& golden() {
  static const json value = json::parse(read_text("tests/golden/oniguruma.json", 1 << 20));
  return value;
}

std::string refusal(const std::string& expression) {
  try {
    return "became " + oniguruma_to_pcre2(expression, "test") + " and " +
           Pattern(expression, true, "test").replace_all("a", "<>", 100);
  } catch (const Error& error) {
    return error.what();
  }
}

void expect_replaced(const std::string& expression, const std::string& text, const std::string& expected) {
  try {
    EXPECT_EQ(Pattern(expression, true, "test").replace_all(text, "<>", 1 << 20), expected)
        << expression << "\nbecame " << oniguruma_to_pcre2(expression, "test");
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
  }
}

// The expressions of tests/golden/oniguruma.py, as the tokenizers library matches them.
TEST(Oniguruma, ClassesHoldWhatTheyHoldForTheTokenizersLibrary) {
  for (const auto& [expression, expected] : golden()["classes"].items())
    expect_replaced(expression, golden()["sample"].get<std::string>(), expected.get<std::string>());
}

TEST(Oniguruma, RepeatsGroupsAndAnchorsMatchAsInTheTokenizersLibrary) {
  for (const auto& entry : golden()["cases"])
    expect_replaced(entry[0].get<std::string>(), entry[1].get<std::string>(), entry[2].get<std::string>());
}

TEST(Oniguruma, RefusesTheRest) {
  for (const char* which : {"unsupported", "malformed"})
    for (const auto& expression : golden()[which])
      EXPECT_THAT(refusal(expression.get<std::string>()),
                  testing::AllOf(testing::StartsWith("test: "),
                                 testing::HasSubstr(" is no regular expression that we understand: ")))
          << expression;
  EXPECT_EQ(refusal("(?i:ss)"),
            "test: '(?i:ss)' is no regular expression that we understand: (?i) with ss, which one character can stand "
            "for, is not supported, at byte 6");
}

TEST(Oniguruma, HostileExpressionsEnd) {
  const auto repeated = [](const std::string& text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
  };
  for (const std::string& expression :
       {repeated("(", 10'000), repeated("[", 10'000), repeated("[^[", 5'000), repeated("(?i)", 4'000),
        repeated("(?:", 5'000) + repeated(")*", 5'000), std::string("a{99999999999999999999}"), std::string("\xff"),
        std::string("[\xff]"), repeated("[^\\W&&", 2'000)})
    EXPECT_THAT(refusal(expression), testing::HasSubstr("no regular expression")) << expression.substr(0, 20);
  // Repeats of repeats, and classes within classes as deep as they may be.
  EXPECT_EQ(refusal("a" + repeated("*", 100)).substr(0, 6), "became");
  EXPECT_EQ(refusal(repeated("[^", 90) + "a" + repeated("]", 90)).substr(0, 6), "became");
}

TEST(Pattern, OtherDialectsStayPerls) {
  EXPECT_EQ(Pattern("a{1,3}+", true, "test", Dialect::perl).replace_all("aaaa", "-", 100), "--");
  EXPECT_EQ(Pattern("a{1,3}+", true, "test").replace_all("aaaa", "-", 100), "-");
}

}  // namespace
}  // namespace strata
