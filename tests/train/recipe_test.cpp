#include "strata/train/recipe.h"

#include <gtest/gtest.h>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/models/model.h"
#include "strata/surgery/merge_study.h"
#include "strata/train/suite.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

std::string message_of(const std::string& toml, const std::vector<std::string>& overrides = {}) {
  try {
    parse_recipe(toml, "run.toml", overrides);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Recipe, DefaultsOverridesAndRoundTrip) {
  const Recipe recipe = parse_recipe("[train]\nsteps = 7\n[schedule]\nkind = \"linear\"\n", "a/run.toml",
                                     {"train.batch=32", "sampler.kind=shuffle"});
  EXPECT_EQ(recipe.name, "run");
  EXPECT_EQ(recipe.train.steps, 7);
  EXPECT_EQ(recipe.train.batch, 32);
  EXPECT_EQ(recipe.sampler.kind, "shuffle");
  EXPECT_EQ(recipe.schedule.kind, ScheduleKind::linear);
  EXPECT_EQ(recipe.model.vit.channels, 48);
  EXPECT_EQ(print_recipe(parse_recipe(print_recipe(recipe), "b.toml")), print_recipe(recipe));
}

TEST(Recipe, EpochsStandInPlaceOfSteps) {
  const Recipe recipe = parse_recipe("[train]\nepochs = 2.5\n[schedule]\nwarmup = 10\n", "run.toml");
  EXPECT_EQ(recipe.train.epochs, 2.5);
  EXPECT_EQ(recipe.train.steps, 0);
  EXPECT_EQ(print_recipe(parse_recipe(print_recipe(recipe), "b.toml")), print_recipe(recipe));
  EXPECT_EQ(parse_recipe("", "run.toml").train.steps, 600);
  EXPECT_EQ(parse_recipe("[train]\nepochs = 2\n", "run.toml", {"train.epochs=0", "train.steps=7"}).train.steps, 7);
  EXPECT_NE(message_of("[train]\nepochs = 2\n", {"train.steps=7"}).find("train.epochs to 0"), std::string::npos);
}

TEST(Recipe, SizeComesBeforeTheDetailsWhereverItStands) {
  const Recipe recipe = parse_recipe("[model]\ndepth = 3\nsize = \"Ti/16\"\n", "run.toml");
  EXPECT_EQ(recipe.model.vit.channels, 192);
  EXPECT_EQ(recipe.model.vit.depth, 3);
  EXPECT_EQ(parse_recipe("", "run.toml", {"model.size=S/16"}).model.vit.channels, 384);
  EXPECT_EQ(
      parse_recipe("[model]\nsize = \"Ti/16\"\n", "run.toml", {"model.size=S/16", "model.heads=3"}).model.vit.heads, 3);
}

TEST(Recipe, MistakesNamePlaceAndRemedy) {
  EXPECT_NE(message_of("[train]\nstep = 7\n").find("run.toml:2:1"), std::string::npos)
      << message_of("[train]\nstep = 7\n");
  EXPECT_NE(message_of("[train]\nstep = 7\n").find("steps"), std::string::npos);
  EXPECT_NE(message_of("[train]\nsteps = -1\n").find("run.toml:2"), std::string::npos);
  EXPECT_NE(message_of("[model]\nsize = \"fashio\"\n").find("fashion"), std::string::npos);
  EXPECT_NE(message_of("", {"train.stepz=3"}).find("train.stepz"), std::string::npos);
  EXPECT_NE(message_of("[train]\nbatch = 10\naccumulate = 3\n").find("multiple"), std::string::npos);
  EXPECT_NE(message_of("[sampler]\nkind = \"shufle\"\n").find("shuffle"), std::string::npos);
  EXPECT_NE(message_of("[data]\nresize = [1, 2, 3]\n").find("[height, width]"), std::string::npos);
  EXPECT_NE(message_of("[data]\nrepeats = 7\n").find("multiple of data.repeats"), std::string::npos);
  EXPECT_NE(message_of("[data]\nrepeats = 0\n").find("repeats"), std::string::npos);
  EXPECT_NE(message_of("[data]\nmixup = -1\n").find("mixup"), std::string::npos);
  EXPECT_NE(message_of("[data]\nfilter = \"box\"\n").find("bicubic"), std::string::npos);
  EXPECT_NE(message_of("[schedule]\nwarmup = 10\n[train]\nsteps = 5\n").find("warmup"), std::string::npos);
}

TEST(Recipe, FingerprintFollowsWhatDecidesTheWeights) {
  const auto print = [](const std::string& toml) { return fingerprint(parse_recipe(toml, "run.toml")); };
  const std::string base = print("");
  EXPECT_EQ(print("name = \"other\"\n[train]\ncheckpoint_every = 3\n[eval]\nevery = 10\n"), base);
  EXPECT_NE(print("[train]\nseed = 1\n"), base);
  EXPECT_NE(print("[optimiser]\nlr = 0.002\n"), base);
  EXPECT_NE(print("[data]\nflip = true\n"), base);
}

// Every file of the recipe folder reads, and says at its top how it is run.
TEST(Recipe, CommittedRecipesAreSound) {
  const auto files = recipe_files();
  EXPECT_GE(files.size(), 9U);
  // What fine-tuning recipes start from is trained first; a fresh model stands in for it here.
  const TemporaryFolder folder;
  save_model(folder.file("model"), make_model(vit_size("fashion"), Random(0)));
  for (const auto& file : files) {
    SCOPED_TRACE(file.name);
    EXPECT_NE(file.comment.find("strata train " + file.name), std::string::npos);
    if (is_merge_study(file.name)) {
      const MergeStudyConfig study = read_merge_study(file.name);
      EXPECT_NO_THROW(read_recipe(study.recipe, study.overrides));
      continue;
    }
    if (!is_suite(file.name)) {
      const bool starts = read_text(find_recipe(file.name), 1 << 20).find("\nstart = ") != std::string::npos;
      std::vector<std::string> stand_in;
      if (starts) stand_in.push_back("model.start=" + folder.file("model"));
      EXPECT_NO_THROW(read_recipe(file.name, stand_in));
      continue;
    }
    const SuiteConfig suite = read_suite(file.name);
    for (const auto& recipe : suite.recipes) EXPECT_NO_THROW(read_recipe(recipe, suite.overrides));
  }
  EXPECT_THROW(read_recipe("fashion/plane"), UsageError);
}

}  // namespace
}  // namespace strata
