#include "strata/text/grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/random.h"
#include "strata/text/json_schema.h"

namespace strata {
namespace {

using nlohmann::ordered_json;

bool matches(const std::string& grammar, const std::string& text) {
  return match_grammar(parse_grammar(grammar), text).complete;
}

std::string refusal(const std::string& grammar) {
  try {
    (void)parse_grammar(grammar);
    return "read";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Grammar, FollowsEveryForm) {
  EXPECT_TRUE(matches("root ::= \"a\" | \"b\"", "a"));
  EXPECT_FALSE(matches("root ::= \"a\" | \"b\"", "ab"));
  EXPECT_TRUE(matches("root ::= a+ b? # comment\n\na ::= [x-z0]\nb::=\"!\"", "xy0!"));
  EXPECT_FALSE(matches("root ::= a+ b?\na ::= [x-z]\nb::=\"!\"", "!"));
  EXPECT_TRUE(matches("root ::= (\"a\" | \"bc\")*", ""));
  EXPECT_TRUE(matches("root ::= (\"a\" |\n \"bc\")*", "abcbca"));
  EXPECT_TRUE(matches("root ::= [^a-c\\]]{2}", "d\xc3\xa9"));
  EXPECT_FALSE(matches("root ::= [^a-c\\]]{2}", "d]"));
  EXPECT_TRUE(matches("root ::= .", "\U0001f600"));
  EXPECT_FALSE(matches("root ::= .", "\xf0\x9f\x98"));
  EXPECT_FALSE(matches("root ::= .", "\xed\xa0\x80"));  // a surrogate
  EXPECT_TRUE(matches("root ::= [\\u00e0-\\u0fff]{2}", "\xc3\xa9\xe0\xa4\x85"));
  EXPECT_FALSE(matches("root ::= [\\u00e0-\\u0fff]", "\xc3\x9f"));
  EXPECT_TRUE(matches("root ::= \"\\n\\t\\x41\\\"\\\\\"", "\n\tA\"\\"));
  EXPECT_TRUE(matches("root ::= \"\" \"x\"", "x"));
  EXPECT_TRUE(matches("root ::= list\nlist ::= \"x\" | \"x\" list", std::string(5000, 'x')));
  EXPECT_TRUE(matches("root ::= \"(\" root? \")\"", std::string(500, '(') + std::string(500, ')')));
  EXPECT_FALSE(matches("root ::= \"(\" root? \")\"", "(()"));
}

TEST(Grammar, RepetitionsCount) {
  for (int count = 0; count < 9; ++count) {
    const std::string text(static_cast<size_t>(count), 'a');
    EXPECT_EQ(matches("root ::= \"a\"{3}", text), count == 3);
    EXPECT_EQ(matches("root ::= \"a\"{3,}", text), count >= 3);
    EXPECT_EQ(matches("root ::= \"a\"{2,5}", text), count >= 2 && count <= 5);
    EXPECT_EQ(matches("root ::= (\"a\"{0,2}){2}", text), count <= 4);
    EXPECT_EQ(matches("root ::= \"a\"{0}", text), count == 0);
    EXPECT_EQ(matches("root ::= (\"a\"*)*", text), true);
    EXPECT_EQ(matches("root ::= (\"a\"?)+ ", text), true);
  }
}

TEST(Grammar, WrongTextsAreRefusedWithTheLine) {
  EXPECT_EQ(refusal("root ::= \"a\"\nb ::= c"), "grammar, line 2: the rule 'c' is used but never written");
  EXPECT_EQ(refusal("root ::= \"a"), "grammar, line 1: expected '\"' at the end of a text, found the end");
  EXPECT_THAT(refusal("root ::= root \"a\""), testing::HasSubstr("the rule 'root' can begin with itself"));
  EXPECT_THAT(refusal("root ::= a? b\na ::= \"x\"\nb ::= \"\" c\nc ::= a* b"),
              testing::HasSubstr("can begin with itself"));
  for (const char* text : {"",
                           "a ::= \"x\"",
                           "root",
                           "root ::= (",
                           "root ::= \"a\")",
                           "root ::= [a",
                           "root ::= [b-a]",
                           "root ::= \"\\q\"",
                           "root ::= \"\\x4\"",
                           "root ::= \"\\ud800\"",
                           "root ::= \"a\"{",
                           "root ::= \"a\"{2,1}",
                           "root ::= \"a\"{9999999}",
                           "root ::= *",
                           "root ::= \"\xff\"",
                           "root ::= \"\xe0\x80\x80\"",
                           "root ::= [\xed\xa0\x80]",
                           "root ::= \"\xf4\x90\x80\x80\"",
                           "root ::= \"a\"\nroot ::= \"b\"",
                           "root ::= \"a\" ! ",
                           "root := \"a\"",
                           "root ::= \"a\"?{2}",
                           "root ::= ((\"a\"{1000}){1000}){1000}"})
    EXPECT_THAT(refusal(text), testing::StartsWith("grammar")) << text;
  std::string nested = "root ::= ";
  for (int i = 0; i < 10000; ++i) nested += '(';
  EXPECT_THAT(refusal(nested), testing::HasSubstr("groups inside each other"));
}

TEST(Grammar, HostileGrammarsEnd) {
  // Each repetition is read again: a long class of few nodes must not be read a hundred thousand times.
  EXPECT_THAT(refusal("root ::= [" + std::string(1 << 20, 'a') + "]{100000}"),
              testing::HasSubstr("repetitions of less text"));
  // Doubly exponential many ways to derive one text.
  EXPECT_TRUE(matches("root ::= (\"a\"* \"a\"*)* a{20}\na ::= \"a\"?", std::string(200, 'a')));
  // As many places as repetitions, from each of which all behind it can be reached.
  EXPECT_TRUE(matches("root ::= (\"a\"?){12000}", std::string(20, 'a')));
  // Of the rules that the root begins with, one after the other turns out to derive the empty text.
  std::string empty_rules, calls;
  for (int i = 0; i < 60'000; ++i) {
    empty_rules += "r" + std::to_string(59'999 - i) + " ::= \"\"\n";
    calls += " r" + std::to_string(i);
  }
  EXPECT_TRUE(matches(empty_rules + "root ::= \"x\" |" + calls, "x"));
  const Grammar deep = parse_grammar("root ::= \"(\" root \")\" | \"(\" root \"]\" | \"\"");
  // Every bracket doubles the ways it may be closed.
  EXPECT_THROW((void)match_grammar(deep, std::string(2000, '(')), Error);
}

// Random tokens that the constraint allows, until it ends or `most` have come.
std::string sampled(const std::shared_ptr<const Grammar>& grammar, const std::shared_ptr<const TokenTrie>& trie,
                    Random random, int most, bool& complete) {
  const auto constraint = make_constraint(grammar, trie);
  std::string text;
  complete = false;
  for (int i = 0; i < most; ++i) {
    std::vector<float> logits(trie->tokens().size(), 0);
    constraint->allow(logits);
    std::vector<int32_t> allowed;
    for (size_t id = 0; id < logits.size(); ++id)
      if (std::isfinite(logits[id])) allowed.push_back(static_cast<int32_t>(id));
    if (allowed.empty()) break;
    const int32_t token = allowed[random.below(allowed.size())];
    if (token == trie->ends()[0]) {
      complete = true;
      break;
    }
    text += trie->tokens()[static_cast<size_t>(token)];
    constraint->accept(token);
  }
  return text;
}

// Bytes, and some longer tokens that cut across what the grammar names; the last one ends.
std::shared_ptr<const TokenTrie> vocabulary() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* more : {"\":",      "\",",  "{\"",      "\"}",     "}}",         "]}", "[{\"",     "true",
                           "null",     ", ",   "0.5",      "12",      "ab",         "a",  "\xc3\xa9", "\xf0\x9f",
                           "\x98\x80", "name", "\"name\"", "kind\":", "\"circle\"", "",   "  "})
    tokens.emplace_back(more);
  tokens.emplace_back();
  return std::make_shared<TokenTrie>(tokens, std::vector<int32_t>{static_cast<int32_t>(tokens.size()) - 1});
}

TEST(Grammar, TheMaskIsWhatTheGrammarTakes) {
  const auto trie = vocabulary();
  const auto grammar = std::make_shared<const Grammar>(parse_grammar(json_object_grammar()));
  for (uint64_t seed = 0; seed < 5; ++seed) {
    Random random(seed);
    const auto constraint = make_constraint(grammar, trie);
    std::string text;
    for (int i = 0; i < 12; ++i) {
      std::vector<float> logits(trie->tokens().size(), 0);
      constraint->allow(logits);
      std::vector<int32_t> allowed;
      for (size_t id = 0; id + 1 < logits.size(); ++id) {
        const std::string& token = trie->tokens()[id];
        const bool possible = !token.empty() && match_grammar(*grammar, text + token).possible;
        ASSERT_EQ(std::isfinite(logits[id]), possible) << "after " << text << ": " << token;
        if (possible) allowed.push_back(static_cast<int32_t>(id));
      }
      ASSERT_EQ(std::isfinite(logits.back()), match_grammar(*grammar, text).complete);
      if (allowed.empty()) break;
      const int32_t token = allowed[random.below(allowed.size())];
      text += trie->tokens()[static_cast<size_t>(token)];
      constraint->accept(token);
    }
  }
}

TEST(Grammar, ForbiddenTokensAreRefused) {
  const auto trie = vocabulary();
  const auto constraint = make_constraint(std::make_shared<const Grammar>(parse_grammar("root ::= \"ab\"")), trie);
  EXPECT_THROW(constraint->accept('b'), Error);
  EXPECT_THROW(constraint->accept(trie->ends()[0]), Error);
  EXPECT_THROW(constraint->accept(-1), Error);
  EXPECT_FALSE(constraint->finished());
  constraint->accept('a');
  constraint->accept('b');
  EXPECT_TRUE(constraint->finished());
  constraint->accept(trie->ends()[0]);
  const auto lacking = std::make_shared<TokenTrie>(std::vector<std::string>{"x"}, std::vector<int32_t>{});
  const auto stuck = make_constraint(std::make_shared<const Grammar>(parse_grammar("root ::= \"ab\"")), lacking);
  std::vector<float> logits(1, 0);
  EXPECT_THROW(stuck->allow(logits), Error);
}

// tests/golden/json_schema.py: what jsonschema accepts and refuses.
TEST(JsonSchema, TakesWhatTheSchemaTakes) {
  const auto golden = ordered_json::parse(read_text("tests/golden/json_schema.json", 1 << 20));
  for (const auto& [name, entry] : golden.items()) {
    const std::string text = json_schema_to_grammar(entry["schema"], name);
    SCOPED_TRACE(name);
    const Grammar grammar = parse_grammar(text);
    for (const auto& valid : entry["valid"])
      EXPECT_TRUE(match_grammar(grammar, valid.get<std::string>()).complete) << valid << "\n" << text;
    for (const auto& invalid : entry["invalid"])
      EXPECT_FALSE(match_grammar(grammar, invalid.get<std::string>()).complete) << invalid << "\n" << text;
  }
}

TEST(JsonSchema, EverythingSampledIsJson) {
  const auto golden = ordered_json::parse(read_text("tests/golden/json_schema.json", 1 << 20));
  const auto trie = vocabulary();
  int64_t completed = 0;
  for (const auto& [name, entry] : golden.items()) {
    const auto grammar = std::make_shared<const Grammar>(parse_grammar(json_schema_to_grammar(entry["schema"], name)));
    for (uint64_t seed = 0; seed < 10; ++seed) {
      bool complete = false;
      const std::string text = sampled(grammar, trie, Random(seed), 400, complete);
      if (!complete) continue;
      ++completed;
      EXPECT_TRUE(ordered_json::accept(text)) << name << ": " << text;
      EXPECT_TRUE(match_grammar(*grammar, text).complete);
    }
  }
  EXPECT_GT(completed, 75);
}

TEST(JsonSchema, WhatIsNotFollowedIsNamed) {
  const auto refused = [](const char* text) {
    try {
      return "followed: " + json_schema_to_grammar(ordered_json::parse(text));
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(refused(R"x({"type": "object", "properties": {"a": {"type": "array", "uniqueItems": true}}})x"),
            "schema: #/properties/a: the keyword 'uniqueItems' is not followed here");
  for (const char* text : {"5",
                           "false",
                           R"x({"oneOf": [{"const": {"a": 1, "b": [{"c": 2, "d": 3}]}},
                                          {"enum": ["x", {"b": [{"d": 3, "c": 2}], "a": 1}]}]})x",
                           R"x({"type": "text"})x",
                           R"x({"type": []})x",
                           R"x({"type": [5]})x",
                           R"x({"not": {}})x",
                           R"x({"minLength": 3})x",
                           R"x({"$ref": "#/missing"})x",
                           R"x({"$ref": "http://x"})x",
                           R"x({"$ref": 5})x",
                           R"x({"$ref": "#", "type": "null"})x",
                           R"x({"enum": 5})x",
                           R"x({"enum": []})x",
                           R"x({"enum": [1], "type": "string"})x",
                           R"x({"anyOf": []})x",
                           R"x({"oneOf": [{"type": "number"}, {"type": "integer"}]})x",
                           R"x({"allOf": [{}, {}]})x",
                           R"x({"type": "string", "minLength": 3, "maxLength": 2})x",
                           R"x({"type": "string", "minLength": -1})x",
                           R"x({"type": "string", "maxLength": 1e9})x",
                           R"x({"type": "string", "format": "email"})x",
                           R"x({"type": "string", "format": "date", "minLength": 1})x",
                           R"x({"type": "string", "pattern": 5})x",
                           R"x({"type": "string", "pattern": "(?=a)"})x",
                           R"x({"type": "string", "pattern": "(a)\\1"})x",
                           R"x({"type": "string", "pattern": "a|b$"})x",
                           R"x({"type": "string", "pattern": "[a"})x",
                           R"x({"type": "string", "pattern": "(a"})x",
                           R"x({"type": "string", "pattern": "a)"})x",
                           R"x({"type": "string", "pattern": "\""})x",
                           R"x({"type": "string", "pattern": "[ -~]"})x",
                           R"x({"type": "string", "pattern": "[]"})x",
                           R"x({"type": "string", "pattern": "*"})x",
                           R"x({"type": "string", "pattern": "a{x}"})x",
                           R"x({"type": "string", "pattern": "a{,3}"})x",
                           R"x({"type": "string", "pattern": "a{}"})x",
                           R"x({"type": "string", "pattern": "[a-\\x7a]"})x",
                           R"x({"type": "string", "pattern": "[a-\\d]"})x",
                           R"x({"type": "string", "pattern": "[\\D]"})x",
                           R"x({"type": "string", "pattern": "a", "maxLength": 3})x",
                           R"x({"type": "integer", "minimum": 2, "maximum": 1})x",
                           R"x({"type": "integer", "minimum": 0.5})x",
                           R"x({"type": "integer", "multipleOf": 2})x",
                           R"x({"type": "number", "minimum": 0})x",
                           R"x({"type": ["integer", "number"], "minimum": 0})x",
                           R"x({"type": "array", "minItems": 2, "maxItems": 1})x",
                           R"x({"type": "array", "prefixItems": 5})x",
                           R"x({"type": "object", "properties": []})x",
                           R"x({"type": "object", "required": "a"})x",
                           R"x({"type": "object", "required": [5]})x",
                           R"x({"type": "object", "patternProperties": {}})x"})
    EXPECT_THAT(refused(text), testing::StartsWith("schema: ")) << text;
  // A reference to itself alone describes nothing.
  EXPECT_THROW((void)parse_grammar(json_schema_to_grammar(ordered_json::parse(R"x({"$ref": "#"})x"))), Error);
}

// Sets beyond ASCII, as ECMA-262 has them.
TEST(JsonSchema, PatternsLeaveOutWhatTheirSetsLeaveOut) {
  const auto takes = [](const std::string& pattern, const std::string& text) {
    const ordered_json schema{{"type", "string"}, {"pattern", pattern}};
    return match_grammar(parse_grammar(json_schema_to_grammar(schema)), '"' + text + '"').complete;
  };
  for (const char* space :
       {" ", "\u00a0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff"})
    EXPECT_FALSE(takes("^[^\\s]$", space)) << space;
  for (const char* other : {"a", "\u00e9", "\u200b", "\u180e", "\U0001f600"})
    EXPECT_TRUE(takes("^[^\\s]$", other)) << other;
  EXPECT_FALSE(takes("^.$", "\u2028"));
  EXPECT_FALSE(takes("^.$", "\u2029"));
  EXPECT_TRUE(takes("^.$", "\u00a0"));
  EXPECT_TRUE(takes("^[a\\-z]{2,}$", "a-z"));
  EXPECT_FALSE(takes("^[a\\-z]+$", "b"));
  EXPECT_TRUE(takes("^[+--]{2}x{1,2}$", ",-xx"));
  EXPECT_TRUE(takes("^[\\]-a]+$", "]^a"));
}

TEST(JsonSchema, LargeSchemasTakeNoTime) {
  nlohmann::ordered_json wide = {{"type", "object"}, {"required", nlohmann::ordered_json::array()}};
  for (int i = 0; i < 50'000; ++i) wide["required"].push_back("p" + std::to_string(i));
  EXPECT_NO_THROW((void)json_schema_to_grammar(wide, "schema"));
  nlohmann::ordered_json one = {{"oneOf", nlohmann::ordered_json::array()}};
  for (int i = 0; i < 2'000; ++i) one["oneOf"].push_back({{"const", i}});
  EXPECT_THAT([&] { (void)json_schema_to_grammar(one, "schema"); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("schema: oneOf: expected fewer alternatives")));
}

TEST(JsonSchema, WholeNumbersKeepToTheirRange) {
  for (const auto& [low, high] : std::vector<std::pair<int64_t, int64_t>>{
           {0, 0}, {0, 9}, {5, 5}, {7, 23}, {-5, 5}, {-120, -7}, {99, 101}, {-1, 1000}, {995, 1005}, {10, 99}}) {
    const ordered_json schema{{"type", "integer"}, {"minimum", low}, {"maximum", high}};
    const Grammar grammar = parse_grammar(json_schema_to_grammar(schema));
    for (int64_t value = -1100; value <= 1100; ++value)
      ASSERT_EQ(match_grammar(grammar, std::to_string(value)).complete, value >= low && value <= high)
          << value << " in " << low << " .. " << high;
  }
}

TEST(JsonSchema, ManyOptionalPropertiesStaySmall) {
  ordered_json schema{{"type", "object"}};
  for (int i = 0; i < 300; ++i) schema["properties"]["p" + std::to_string(i)] = {{"type", "integer"}};
  EXPECT_LT(json_schema_to_grammar(schema).size(), 60'000U);
}

}  // namespace
}  // namespace strata
