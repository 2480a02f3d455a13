#include "strata/base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <map>

#include "strata/base/error.h"
#include "strata/base/random.h"
#include "tests/temporary_folder.h"

namespace strata::config_test {
namespace {

enum class Schedule { Cosine, Linear };
auto enum_names(Schedule) {
  return std::array{EnumName{"cosine", Schedule::Cosine}, EnumName{"linear", Schedule::Linear}};
}

struct Block {
  std::string kind = "attention";
  int64_t heads = 8;
  bool operator==(const Block&) const = default;
};
template <class Visit>
void fields(Block& c, Visit&& visit) {
  visit("kind", c.kind);
  visit("heads", c.heads, at_least(1));
}

struct Train {
  int64_t steps = 1000;
  int threads = 1;
  uint64_t seed = 0;
  double rate = 1e-3;
  float drop = 0.1F;
  bool ema = false;
  Schedule schedule = Schedule::Cosine;
  std::optional<double> clip;
  bool operator==(const Train&) const = default;
};
template <class Visit>
void fields(Train& c, Visit&& visit) {
  visit("steps", c.steps, at_least(1));
  visit("threads", c.threads);
  visit("seed", c.seed);
  visit("rate", c.rate, above(0));
  visit("drop", c.drop, below(0, 1));
  visit("ema", c.ema);
  visit("schedule", c.schedule);
  visit("clip", c.clip, above(0));
}

struct Recipe {
  std::string name = "run";
  Train train;
  std::vector<int64_t> sizes = {28, 28};
  std::vector<std::string> tags;
  std::vector<Block> blocks = {{}, {}};
  std::vector<Schedule> schedules;
  std::vector<bool> flags;
  bool operator==(const Recipe&) const = default;
};
template <class Visit>
void fields(Recipe& c, Visit&& visit) {
  visit("name", c.name);
  visit("train", c.train);
  visit("sizes", c.sizes, between(1, 4096));
  visit("tags", c.tags);
  visit("blocks", c.blocks);
  visit("schedules", c.schedules);
  visit("flags", c.flags);
}

Recipe from_toml(const std::string& text) {
  Recipe run;
  read_config(run, parse_toml(text, "run.toml"));
  return run;
}

template <class Action>
std::string usage_message(Action&& action) {
  try {
    action();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

std::string error_of(const std::string& toml) {
  return usage_message([&] { from_toml(toml); });
}

Recipe with(const std::vector<std::string>& changes) {
  Recipe run;
  for (const std::string& change : changes) override_config(run, change);
  return run;
}

std::string override_error(const std::string& change) {
  return usage_message([&] { with({change}); });
}

TEST(Config, ReadsTomlOverDefaults) {
  const Recipe run = from_toml(R"(
name = "first"
sizes = [32, 16]
schedules = ["linear", "cosine"]
flags = [true, false]

[train]
steps = 1_000_000
rate = 1           # an integer may stand for a real number
drop = 0.25
schedule = "linear"
clip = 1.5

[[blocks]]
kind = "mlp"
[[blocks]]
heads = 4
)");
  Recipe expected;
  expected.name = "first";
  expected.sizes = {32, 16};
  expected.schedules = {Schedule::Linear, Schedule::Cosine};
  expected.flags = {true, false};
  expected.train.steps = 1'000'000;
  expected.train.rate = 1;
  expected.train.drop = 0.25F;
  expected.train.schedule = Schedule::Linear;
  expected.train.clip = 1.5;
  expected.blocks = {{.kind = "mlp"}, {.heads = 4}};
  EXPECT_EQ(run, expected);
}

TEST(Config, ErrorsNamePlaceExpectedAndFound) {
  EXPECT_EQ(error_of("name = \"x\"\n\n[train]\n  stepz = 3\n"),
            "run.toml:4:3: train.stepz: no such key; known keys: steps, threads, seed, rate, drop, ema, schedule, clip "
            "(did you mean 'steps'?)");
  EXPECT_EQ(error_of("[train]\nsteps = 1.0"), "run.toml:2:9: train.steps: expected an integer, got the number 1");
  EXPECT_EQ(error_of("[train]\nsteps = 0"),
            "run.toml:2:9: train.steps: expected a number of at least 1, got the integer 0");
  EXPECT_EQ(error_of("[train]\nsteps = \"many\""),
            "run.toml:2:9: train.steps: expected an integer, got the text 'many'");
  EXPECT_EQ(
      error_of("[train]\nthreads = 3_000_000_000"),
      "run.toml:2:11: train.threads: expected an integer from -2147483648 to 2147483647, got the integer 3000000000");
  EXPECT_EQ(error_of("[train]\nseed = -1"),
            "run.toml:2:8: train.seed: expected an integer from 0 to 18446744073709551615, got the integer -1");
  EXPECT_EQ(error_of("[train]\nrate = 0.0"), "run.toml:2:8: train.rate: expected a number above 0, got the number 0");
  EXPECT_EQ(error_of("[train]\ndrop = 1.0"), "run.toml:2:8: train.drop: expected a number in [0, 1), got the number 1");
  EXPECT_EQ(error_of("[train]\nrate = nan"), "run.toml:2:8: train.rate: expected a finite number, got the number nan");
  EXPECT_EQ(error_of("[train]\nema = 1"), "run.toml:2:7: train.ema: expected true or false, got the integer 1");
  EXPECT_EQ(error_of("[train]\nschedule = \"cosin\""),
            "run.toml:2:12: train.schedule: expected one of cosine, linear, got 'cosin' (did you mean 'cosine'?)");
  EXPECT_EQ(error_of("[train]\nschedule = 1"),
            "run.toml:2:12: train.schedule: expected one of cosine, linear, got the integer 1");
  EXPECT_EQ(error_of("train = 3"), "run.toml:1:9: train: expected a table, got the integer 3");
  EXPECT_EQ(error_of("sizes = 3"), "run.toml:1:9: sizes: expected a list, got the integer 3");
  EXPECT_EQ(error_of("sizes = [28, 0]"), "run.toml:1:14: sizes[1]: expected a number in [1, 4096], got the integer 0");
  EXPECT_EQ(error_of("sizes = [[1], 2]"), "run.toml:1:10: sizes[0]: expected an integer, got a list of 1");
  EXPECT_EQ(error_of("name = 3"), "run.toml:1:8: name: expected text, got the integer 3");
  EXPECT_EQ(error_of("name = {}"), "run.toml:1:8: name: expected text, got a table");
  EXPECT_EQ(error_of("name = true"), "run.toml:1:8: name: expected text, got the boolean true");
  EXPECT_EQ(error_of("[[blocks]]\nkind = \"a\"\n[[blocks]]\nheds = 2"),
            "run.toml:4:1: blocks[1].heds: no such key; known keys: kind, heads (did you mean 'heads'?)");
  EXPECT_THAT(error_of("name = 1979-05-27"),
              testing::HasSubstr("run.toml:1:8: expected a boolean, number, text, list or table, found a date"));
  EXPECT_THAT(error_of("name = \"a\"\nname = \"b\""), testing::HasSubstr("run.toml:2:8: malformed TOML"));
  EXPECT_THAT(error_of("name = "), testing::HasSubstr("malformed TOML"));
  EXPECT_THAT(error_of("sizes = " + std::string(100000, '[')), testing::HasSubstr("malformed TOML"));
}

TEST(Config, OverridesAreTypedByTheField) {
  Recipe expected;
  expected.name = "200";
  expected.train.steps = 200;
  expected.train.rate = 5e-4;
  expected.train.ema = true;
  expected.train.schedule = Schedule::Linear;
  expected.train.clip = 1;
  expected.sizes = {1, 2, 3};
  expected.tags = {"a b", "c,d", "e"};
  expected.blocks[1].kind = "mlp";
  expected.schedules = {Schedule::Linear};
  EXPECT_EQ(
      with({"name=200", "train.steps=200", "train.rate=5e-4", "train.ema=true", "train.schedule=linear", "train.clip=1",
            "sizes=1,2, 3", "tags=[a b,\"c,d\",'e',]", "blocks.1.kind=mlp", "schedules=[linear]"}),
      expected);
  EXPECT_EQ(with({"sizes=[]"}).sizes.size(), 0U);
  EXPECT_EQ(with({"name=\"x = y\""}).name, "x = y");
  EXPECT_EQ(with({"name=a=b#c"}).name, "a=b#c");
  EXPECT_EQ(with({"blocks=[{kind=\"a\"},{heads=2}]"}).blocks, (std::vector<Block>{{.kind = "a"}, {.heads = 2}}));
  EXPECT_EQ(with({"train={steps=5,ema=true}"}).train.steps, 5);
  EXPECT_EQ(with({"sizes.1=5"}).sizes, (std::vector<int64_t>{28, 5}));

  EXPECT_EQ(override_error("train.stepz=3"),
            "--set train.stepz=3: train.stepz: no such key; known keys: steps, threads, seed, rate, drop, ema, "
            "schedule, clip (did you mean "
            "'steps'?)");
  EXPECT_EQ(override_error("train.steps=many"), "--set train.steps=many: train.steps: expected an integer, got 'many'");
  EXPECT_EQ(override_error("train.steps=1e3"),
            "--set train.steps=1e3: train.steps: expected an integer, got the number 1000");
  EXPECT_EQ(override_error("train.steps="), "--set train.steps=: train.steps: expected an integer, got ''");
  EXPECT_EQ(override_error("train.steps=0"),
            "--set train.steps=0: train.steps: expected a number of at least 1, got the integer 0");
  EXPECT_EQ(override_error("train.ema=yes"), "--set train.ema=yes: train.ema: expected true or false, got 'yes'");
  EXPECT_EQ(override_error("train.schedule=step"),
            "--set train.schedule=step: train.schedule: expected one of cosine, linear, got 'step'");
  EXPECT_EQ(override_error("train=3"), "--set train=3: train: expected a table, got the integer 3");
  EXPECT_EQ(override_error("blocks.2.kind=a"),
            "--set blocks.2.kind=a: blocks: expected the number of an element below 2, got '2'");
  EXPECT_EQ(override_error("blocks.x=a"),
            "--set blocks.x=a: blocks: expected the number of an element below 2, got 'x'");
  EXPECT_EQ(override_error("name.x=a"), "--set name.x=a: name: expected a single value, got the key 'x' below it");
  EXPECT_EQ(override_error("steps"), "--set steps: expected key=value, as in train.steps=200");
  EXPECT_EQ(override_error("=3"), "--set =3: expected key=value, as in train.steps=200");
  EXPECT_EQ(override_error("train..steps=3"), "--set train..steps=3: expected names between the dots before '='");
  EXPECT_EQ(override_error("train.rate=1979-05-27"),
            "--set train.rate=1979-05-27: train.rate: expected a finite number, got '1979-05-27'");
}

TEST(Config, PrintsCanonically) {
  Recipe run;
  run.name = "quote \" ü \x7f \n";
  run.train.drop = 0.1F;
  run.train.rate = 1;
  run.blocks = {{.kind = "mlp"}};
  const std::string expected = R"(name = "quote \" ü \u007f \n"
sizes = [28, 28]
tags = []
schedules = []
flags = []

[train]
steps = 1000
threads = 1
seed = 0
rate = 1.0
drop = 0.1
ema = false
schedule = "cosine"

[[blocks]]
kind = "mlp"
heads = 8
)";
  EXPECT_EQ(print_toml(config_node(run)), expected);
  EXPECT_EQ(print_json(config_node(Block{})), "{\n  \"kind\": \"attention\",\n  \"heads\": 8\n}\n");
  EXPECT_THAT(print_json(config_node(run)), testing::HasSubstr("\"sizes\": [\n    28,\n    28\n  ]"));
}

TEST(Config, WrittenReadsBackTheSame) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Recipe run;
    run.name = std::string(random.below(5), static_cast<char>(random.below(128)));
    run.train.steps = 1 + static_cast<int64_t>(random.next64() >> 1);
    run.train.rate = random.uniform() * 1e-6 + 1e-300;
    run.train.drop = static_cast<float>(random.uniform() * 0.99);
    run.train.ema = random.below(2) == 1;
    if (random.below(2) == 1) run.train.clip = random.uniform() * 1e20 + 1;
    run.sizes.assign(random.below(4), static_cast<int64_t>(1 + random.below(4096)));
    run.tags.assign(random.below(3), "a\\b");
    run.blocks.assign(1 + random.below(3), {.kind = "k", .heads = static_cast<int64_t>(1 + random.below(100))});
    const Recipe back = from_toml(print_toml(config_node(run)));
    EXPECT_EQ(back, run);
  }
}

TEST(Config, OverridesAreUtf8) {
  EXPECT_THAT(override_error("name=\x88hello"), testing::HasSubstr("expected text in UTF-8"));
  EXPECT_EQ(with({"name=\xc3\xa9"}).name, "\xc3\xa9");
}

TEST(Config, HostileTextIsRefused) {
  const auto refuses = [](const std::string& text, const char* why) {
    try {
      (void)parse_toml(text, "x.toml");
      ADD_FAILURE() << text.substr(0, 40);
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), testing::AllOf(testing::StartsWith("x.toml:"), testing::HasSubstr(why)));
    }
  };
  std::string path = "a";
  for (int i = 0; i < 1'000'000; ++i) path += ".a";
  refuses(path + " = 1", "x.toml:1: expected keys of at most 16 parts");
  refuses("x = \"\"\"\n#\n\"\"\"\n[" + path + "]", "x.toml:4: expected keys of at most 16 parts");
  refuses("x = { y = 1, " + path + " = 2 }", "at most 16 parts");
  refuses("x = " + std::string(100'000, '['), "malformed TOML");
  refuses("x = " + std::string(100, '[') + std::string(100, ']'), "at most 64 levels");
  refuses("x = 1\nx = 2", "malformed TOML");
  refuses("x = 2020-01-01", "a date or time");
  const std::string dots(1000, '.');
  EXPECT_NO_THROW((void)parse_toml("a.b = [0.1, 0.2, 1.5e3] # " + dots + "\nx = '" + dots + "'\ny = \"\\\"" + dots +
                                       "\"\nz = \"\"\"" + dots + "\n\"" + dots + "\"\"\"\"\n\"" + dots + "\" = 1\n",
                                   "x.toml"));
}

TEST(Config, ReadsAFile) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("a.toml")) << "name = \"file\"\n";
  Recipe run;
  read_config_file(run, folder.file("a.toml"));
  EXPECT_EQ(run.name, "file");
  EXPECT_THROW(read_config_file(run, folder.file("b.toml")), Error);
}

}  // namespace
}  // namespace strata::config_test
