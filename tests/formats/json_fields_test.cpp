#include "strata/formats/json_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/message_of.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using testing::HasSubstr;

constexpr const char* kAllKinds =
    R"j({"z": null, "a": [true, false, -1, 18446744073709551615, 2.5, [], {}], "m": {"y": "\u00e9", "b": {"": "text"}}})j";

TEST(Json, TreesAreThoseOfTheLibrary) {
  EXPECT_EQ(parse_json(kAllKinds, "f"), json::parse(kAllKinds));
  EXPECT_EQ(parse_ordered_json(kAllKinds, "f").dump(), ordered_json::parse(kAllKinds).dump());
  EXPECT_EQ(parse_ordered_json(kAllKinds, "f").dump().substr(0, 10), R"({"z":null,)");
  for (const char* text : {"1", "\"a\"", " [ ] ", "null"}) EXPECT_EQ(parse_json(text, "f"), json::parse(text));
}

template <class Parse>
void expect_refusals(Parse parse) {
  const auto refusal = [&](const std::string& text) { return message_of([&] { (void)parse(text, "f"); }); };
  EXPECT_EQ(refusal(R"({"a": {"k": 1, "k": 2}})"), "f: the key \"k\" stands twice in one object");
  EXPECT_THAT(refusal(std::string("{}\0", 3)), HasSubstr("f: malformed JSON: there is a NUL byte"));
  for (const char* text : {"", "{", "[1,]", "{} {}", "\"\xFF\"", "1e999", "{\"a\" 1}", "{'a': 1}", "nul"})
    EXPECT_THAT(refusal(text), HasSubstr("f: malformed JSON: ")) << text;
  const auto nested = [](size_t levels) { return std::string(levels, '[') + "1" + std::string(levels, ']'); };
  EXPECT_NO_THROW((void)parse(nested(64), "f"));
  EXPECT_EQ(refusal(nested(65)), "f: expected at most 64 levels of nesting in JSON, found more");
  EXPECT_THAT(refusal(std::string(1 << 20, '[')), HasSubstr("levels of nesting"));
}

TEST(Json, Refuses) {
  expect_refusals(parse_json);
  expect_refusals(parse_ordered_json);
}

TEST(Json, ManyKeysTakeLinearTime) {
  constexpr int kKeys = 400'000;  // each compared with all before it would take minutes
  std::string text = "{";
  for (int i = 0; i < kKeys; ++i) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
  const ordered_json tree = parse_ordered_json(text + "}", "f");
  ASSERT_EQ(tree.size(), size_t{kKeys});
  EXPECT_EQ(tree.begin().key(), "0");
  EXPECT_EQ(std::prev(tree.end()).key(), std::to_string(kKeys - 1));
}

}  // namespace
}  // namespace strata
