#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "strata/base/error.h"
#include "tests/temporary_folder.h"
#include "tests/train/tiny_run.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

// A checkpoint of the tiny task in `folder`, trained for `steps`.
void tiny_checkpoint(const std::string& folder, int64_t steps, const std::vector<std::string>& more = {}) {
  std::vector<std::string> overrides{"train.steps=" + std::to_string(steps), "data.mean=0.4", "data.std=0.5",
                                     "eval.orders=0"};
  overrides.insert(overrides.end(), more.begin(), more.end());
  const TemporaryFolder run;
  const TrainResult result = train(tiny_recipe(overrides), tiny_data(), {.run_folder = run.file("run"), .quiet = true});
  fs::copy(result.model_folder, folder, fs::copy_options::recursive);
}

Recipe finetune(const std::string& start, const std::vector<std::string>& overrides = {}) {
  return parse_recipe("[model]\nstart = \"" + start + R"("
[sampler]
kind = "shuffle"
[optimiser]
lr = 2e-3
[train]
steps = 12
batch = 16
checkpoint_every = 4
[eval]
orders = 2
)",
                      "finetune.toml", overrides);
}

TEST(FineTune, SizesAndPreprocessingAreTheCheckpoints) {
  const TemporaryFolder folder;
  tiny_checkpoint(folder.file("model"), 2);
  const Recipe recipe = finetune(folder.file("model"));
  EXPECT_EQ(recipe.model.vit.channels, 16);
  EXPECT_EQ(recipe.model.vit.classes, 4);
  EXPECT_EQ(recipe.data.images.mean, std::vector<double>(1, 0.4));
  EXPECT_EQ(recipe.data.images.std, std::vector<double>(1, 0.5));
  EXPECT_EQ(fit_of(recipe), exact_fit(8, 8));
  EXPECT_EQ(finetune(folder.file("model"), {"model.image_height=16"}).model.vit.image_height, 16);
  EXPECT_EQ(finetune(folder.file("model"), {"data.mean=0.25"}).data.images.mean, std::vector<double>(1, 0.25));
  EXPECT_EQ(fit_of(finetune(folder.file("model"), {"data.resize=10"})),
            (ImageFit{.shortest_edge = 10, .crop_height = 8, .crop_width = 8}));
  EXPECT_EQ(print_recipe(parse_recipe(print_recipe(recipe), "again.toml")), print_recipe(recipe));
  EXPECT_THROW(finetune(folder.file("model"), {"model.size=Ti/16"}), UsageError);
  EXPECT_THAT([&] { finetune(folder.file("nothing")); }, ThrowsMessage<Error>(HasSubstr("no such folder")));
}

// What a checkpoint knows is not lost: a few steps from one are far ahead of a few steps from fresh weights.
TEST(FineTune, GoesOnFromWhatWasLearned) {
  const TemporaryFolder folder;
  tiny_checkpoint(folder.file("model"), 150, {"sampler.kind=fixed"});
  const auto accuracy = [&](const Recipe& recipe, const char* name) {
    return train(recipe, tiny_data(), {.run_folder = folder.file(name), .quiet = true}).sequential.accuracy;
  };
  const double tuned = accuracy(finetune(folder.file("model"), {"sampler.kind=drop", "data.mixup=0.2"}), "tuned");
  const double fresh = accuracy(tiny_recipe({"train.steps=12", "train.batch=16"}), "fresh");
  EXPECT_GT(tuned, fresh + 0.25) << tuned << " " << fresh;
}

TEST(FineTune, ResumesBitForBit) {
  const TemporaryFolder folder;
  tiny_checkpoint(folder.file("model"), 3);
  const Recipe recipe = finetune(folder.file("model"), {"data.mixup=0.4", "data.cutmix=1", "data.rand_augment=1"});
  struct Killed {};
  int64_t seen = 0;
  const auto kill = [&](const TrainMessage& message) {
    if (message.kind == TrainMessage::Kind::progress && ++seen == 7) throw Killed();
  };
  EXPECT_THROW(train(recipe, tiny_data(), {.run_folder = folder.file("killed"), .on_message = kill}), Killed);
  const TrainResult resumed = train(recipe, tiny_data(), {.run_folder = folder.file("killed"), .quiet = true});
  const TrainResult whole = train(recipe, tiny_data(), {.run_folder = folder.file("whole"), .quiet = true});
  EXPECT_TRUE(resumed.resumed);
  const Model a = open_model(resumed.model_folder), b = open_model(whole.model_folder);
  for (const auto& entry : a.stack().weights.entries())
    EXPECT_TRUE(at::equal(entry.value, b.stack().weights.at(entry.name))) << entry.name;
}

TEST(FineTune, TheFingerprintFollowsTheWeightsAndNotTheirPlace) {
  const TemporaryFolder folder;
  tiny_checkpoint(folder.file("model"), 2);
  fs::copy(folder.file("model"), folder.file("moved"), fs::copy_options::recursive);
  const std::string before = fingerprint(finetune(folder.file("model")));
  EXPECT_EQ(fingerprint(finetune(folder.file("moved"))), before);
  Model other = open_model(folder.file("moved"));
  other.stack().weights.at("head.bias")[0].add_(1);
  save_model(folder.file("moved"), other);
  EXPECT_NE(fingerprint(finetune(folder.file("moved"))), before);
}

// A folder's classes are sorted by name, those of a checkpoint need not be.
TEST(FineTune, ClassesInAnotherOrderAreFoundByName) {
  const TemporaryFolder folder;
  tiny_checkpoint(folder.file("model"), 2);
  const Recipe recipe = finetune(folder.file("model"));
  TrainData turned = tiny_data();
  const std::vector<std::string> known = turned.train.classes;
  for (ImageSet* set : {&turned.train, &turned.test}) {
    set->labels = at::tensor({2, 0, 3, 1}, at::kLong).index_select(0, set->labels);
    set->classes = {known[1], known[3], known[0], known[2]};
  }
  const TrainResult expected = train(recipe, tiny_data(), {.run_folder = folder.file("a"), .quiet = true}),
                    found = train(recipe, turned, {.run_folder = folder.file("b"), .quiet = true});
  EXPECT_EQ(found.sequential, expected.sequential);
  const Model a = open_model(expected.model_folder), b = open_model(found.model_folder);
  EXPECT_EQ(b.classes, known);
  for (const auto& entry : a.stack().weights.entries())
    EXPECT_TRUE(at::equal(entry.value, b.stack().weights.at(entry.name))) << entry.name;
}

TEST(FineTune, ClassesThatNobodyKnows) {
  const TemporaryFolder folder;
  tiny_checkpoint(folder.file("model"), 2);
  const auto tune = [&](const std::vector<std::string>& classes, const char* run,
                        const std::vector<std::string>& changes = {}) {
    TrainData data = tiny_data();
    data.train.classes = data.test.classes = classes;
    std::string warnings;
    const auto hear = [&](const TrainMessage& message) {
      if (message.kind == TrainMessage::Kind::warning) warnings += message.text;
    };
    const TrainResult made =
        train(finetune(folder.file("model"), changes), data, {.run_folder = folder.file(run), .on_message = hear});
    return std::pair(warnings, open_model(made.model_folder).classes);
  };
  const std::vector<std::string> others{"a", "b", "c", "d"}, some{"a", "b", "c", "top left"},
      none{"LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"};
  EXPECT_THAT([&] { tune(some, "some"); }, ThrowsMessage<Error>(HasSubstr("3 of 4 that are not: 'a', 'b', 'c'")));
  EXPECT_EQ(tune(some, "fresh", {"model.fresh_head=true"}), std::pair(std::string(), some));
  const auto [warned, named] = tune(others, "others");
  EXPECT_THAT(warned, HasSubstr("model.fresh_head = true begins with a new head"));
  EXPECT_EQ(named, others);
  EXPECT_EQ(tune(none, "none").second.front(), "top left");
}

TEST(FineTune, OtherClassesAndSizes) {
  const TemporaryFolder folder;
  tiny_checkpoint(folder.file("model"), 2);
  TrainData data = tiny_data();
  for (ImageSet* set : {&data.train, &data.test}) {
    set->classes = {"left", "right"};
    set->labels = set->labels.remainder(2);
  }
  const TrainOptions options{.run_folder = folder.file("run"), .quiet = true};
  EXPECT_THAT([&] { train(finetune(folder.file("model")), data, options); },
              ThrowsMessage<Error>(HasSubstr("set model.classes to 2")));
  for (ImageSet* set : {&data.train, &data.test}) set->fit = exact_fit(12, 12);
  const std::vector<std::string> changes{"model.classes=2", "model.image_height=12", "model.image_width=12"};
  const TrainResult result = train(finetune(folder.file("model"), changes), data, options);
  const Model made = open_model(result.model_folder);
  EXPECT_EQ(made.classes, (std::vector<std::string>{"left", "right"}));
  EXPECT_EQ(made.vit.image_height, 12);
  EXPECT_EQ(made.fit, exact_fit(12, 12));
  EXPECT_EQ(made.pixel_mean[0], 0.4);
}

}  // namespace
}  // namespace strata
