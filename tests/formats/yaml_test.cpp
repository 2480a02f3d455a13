#include "strata/formats/yaml.h"

#include <gmock/gmock.h>

#include "strata/base/error.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

YamlNode parse(const std::string& text) {
  return parse_yaml(text, "x.yml");
}

void refuses(const std::string& text, const std::string& because) {
  EXPECT_THAT([&] { parse(text); }, ThrowsMessage<Error>(HasSubstr(because))) << text.substr(0, 200);
}

TEST(Yaml, TreeWithPlaces) {
  const YamlNode root = parse("method: ties  # a comment\nlist:\n  - 1\n  - {a: 0.5, b: [x, 'y z']}\nempty:\n");
  EXPECT_EQ(root.find("method")->as_text("method"), "ties");
  const YamlNode& list = *root.find("list");
  EXPECT_EQ(list.as_list("list").size(), 2U);
  EXPECT_EQ(list.items[0].as_integer("n"), 1);
  EXPECT_EQ(list.items[1].find("a")->as_number("a"), 0.5);
  EXPECT_EQ(list.items[1].find("b")->items[1].text, "y z");
  EXPECT_EQ(list.items[1].find("b")->items[1].place, "x.yml:4:21");
  EXPECT_EQ(root.find("empty"), nullptr);
  EXPECT_EQ(root.find("nothing"), nullptr);
}

TEST(Yaml, ScalarsAreWhatTheReaderAsksFor) {
  const YamlNode root = parse("[1e3, no, '1', true, -2, 0x10, .inf, '']");
  EXPECT_EQ(root.items[0].as_number("x"), 1000);
  EXPECT_EQ(root.items[1].as_text("x"), "no");
  EXPECT_TRUE(root.items[3].as_boolean("x"));
  EXPECT_EQ(root.items[4].as_integer("x"), -2);
  EXPECT_THROW(root.items[0].as_integer("x"), Error);
  EXPECT_THROW(root.items[1].as_boolean("x"), Error);
  EXPECT_THROW(root.items[2].as_number("x"), Error);  // quoted
  EXPECT_THROW(root.items[5].as_number("x"), Error);
  EXPECT_THROW(root.items[6].as_number("x"), Error);
  EXPECT_THROW(root.items[7].as_number("x"), Error);
  EXPECT_THAT([&] { root.items[1].as_number("weight"); },
              ThrowsMessage<Error>(HasSubstr("x.yml:1:7: weight: expected a number, found 'no'")));
  EXPECT_THROW(root.as_map("x"), Error);
  EXPECT_THROW(root.as_text("x"), Error);
  EXPECT_THROW(root.items[0].as_list("x"), Error);
}

TEST(Yaml, AliasesRepeatWhatTheyStandFor) {
  const YamlNode root = parse("a: &x {w: [1, 2]}\nb: *x\n");
  EXPECT_EQ(root.find("b")->find("w")->items[1].as_integer("w"), 2);
}

TEST(Yaml, HostileText) {
  refuses(std::string(300 << 10, ' '), "bytes");
  refuses(std::string(40, '['), "x.yml:1:");
  refuses(std::string(100'000, '['), "x.yml:1:");
  refuses(std::string(100'000, '{'), "x.yml:1:");
  refuses("a: &a [*a]", "inside of what it stands for");
  refuses("a: 1\na: 2", "stands twice");
  refuses("[1]: 2", "expected a name before ':'");
  refuses("a: !!python/object:os.system x", "tag");
  refuses("a: 1\n---\nb: 2", "one YAML document");
  refuses("a: [1, 2", "x.yml:");
  refuses("a: *nobody", "x.yml:");
  // Each level repeats the one before nine times: a billion values from ten lines.
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 8; ++j) laughs += ", " + last;
    laughs += "]\n";
  }
  refuses(laughs, "at most 10000 values");
  // One long text, repeated: gigabytes from a file of some kilobytes.
  std::string repeated = "a: &a " + std::string(200'000, 'x') + "\nb: [*a";
  for (int i = 0; i < 9'000; ++i) repeated += ", *a";
  refuses(repeated + "]", "bytes of text");
  EXPECT_EQ(parse("").kind, YamlNode::Kind::null);
}

}  // namespace
}  // namespace strata
