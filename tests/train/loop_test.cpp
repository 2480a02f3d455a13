#include "strata/train/loop.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/file_calls.h"
#include "strata/base/process.h"
#include "strata/base/threads.h"
#include "strata/formats/event_file.h"
#include "strata/train/state.h"
#include "tests/temporary_folder.h"
#include "tests/train/tiny_run.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<Json> metrics_of(const std::string& folder) {
  std::ifstream file(folder + "/metrics.jsonl");
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  return lines;
}

std::string model_bytes(const std::string& folder) {
  return read_text(folder + "/model/model.safetensors", 1 << 24);
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TrainResult quiet_run(const TemporaryFolder& folder, const std::vector<std::string>& overrides = {}) {
  return train(tiny_recipe(overrides), tiny_data(), {.run_folder = folder.path(), .quiet = true});
}

TEST(Train, LearnsAndWritesWhatItSays) {
  const TemporaryFolder folder;
  std::vector<std::string> notes;
  const std::vector<std::string> overrides{"eval.every=40", "sampler.kind=drop"};
  const Recipe recipe = tiny_recipe(overrides);
  const TrainResult result =
      train(recipe, tiny_data(), {.run_folder = folder.path(), .on_message = [&](const TrainMessage& message) {
                                    if (message.kind != TrainMessage::Kind::progress) notes.push_back(message.text);
                                  }});
  EXPECT_GT(result.sequential.accuracy, 0.7);  // chance is a quarter
  EXPECT_EQ(result.sequential.samples, 200);
  EXPECT_EQ(result.arbitrary.routes, 6);
  EXPECT_GT(result.arbitrary.mean, 0.3);
  EXPECT_LE(result.arbitrary.least, result.arbitrary.mean);
  EXPECT_EQ(result.steps, 100);
  EXPECT_FALSE(result.resumed);
  EXPECT_LT(result.loss, 1);

  // The saved model is the one that was measured.
  const Model model = open_model(result.model_folder);
  EXPECT_EQ(score(model.stack(), identity(3), tiny_data().test, recipe.data.images), result.sequential);
  EXPECT_EQ(model.notes.steps, 100);
  EXPECT_EQ(model.classes.front(), "top left");

  const auto metrics = metrics_of(folder.path());
  EXPECT_EQ(metrics.back().at("step"), 100);
  EXPECT_EQ(metrics.front().at("step"), 10);
  int64_t evaluations = 0;
  for (const auto& line : metrics) evaluations += line.contains("test/accuracy");
  EXPECT_EQ(evaluations, 2);
  const auto events = find_event_files(folder.path());
  ASSERT_EQ(events.size(), 1U);
  EXPECT_GT(read_event_file(events[0]).events.size(), 10U);
  EXPECT_EQ(print_recipe(parse_recipe(read_text(folder.file("recipe.toml"), 1 << 20), "recipe.toml")),
            print_recipe(recipe));
  // Time and memory are told before the run has gone far.
  ASSERT_FALSE(notes.empty());
  EXPECT_NE(notes[0].find("90 steps of 32 images at"), std::string::npos) << notes[0];
  EXPECT_NE(notes[0].find("of memory"), std::string::npos) << notes[0];

  const TrainResult again = quiet_run(folder, overrides);
  EXPECT_TRUE(again.finished_before);
  EXPECT_EQ(again.sequential, result.sequential);
  EXPECT_EQ(quiet_run(folder, {"eval.orders=2", "sampler.kind=drop"}).arbitrary.routes,
            2);  // measured anew, not trained anew
}

TEST(Train, WhatWasNotMeasuredIsNotReported) {
  TrainData data = tiny_data();
  data.test = slice(data.test, 0, 0);
  const TemporaryFolder folder;
  const auto run = [&] {
    return train(tiny_recipe({"train.steps=3"}), data, {.run_folder = folder.path(), .quiet = true});
  };
  EXPECT_FALSE(run().sequential.measured());
  const auto json = nlohmann::json::parse(read_text(folder.file("result.json"), 1 << 16));
  EXPECT_FALSE(json.contains("sequential"));
  EXPECT_FALSE(json.contains("arbitrary"));
  EXPECT_TRUE(run().finished_before);
}

TEST(Train, AccumulationEqualsTheLargeBatch) {
  std::vector<TrainState> states;
  for (const char* pieces : {"train.accumulate=1", "train.accumulate=4"}) {
    const TemporaryFolder folder;
    quiet_run(folder, {"train.steps=1", "sampler.per_sample=true", "optimiser.clip=0", "objective.label_smoothing=0.1",
                       pieces});
    std::vector<std::string> warnings;
    states.push_back(*load_state(folder.file("state"), warnings));
  }
  double most = 0;
  for (size_t i = 0; i < states[0].names.size(); ++i) {
    // After one step the first moment is a tenth of the gradient.
    const auto difference = (states[0].optimiser[i].first - states[1].optimiser[i].first).abs().max().item<double>();
    EXPECT_LT(difference, 1e-7) << states[0].names[i];
    most = std::max(most, states[0].optimiser[i].first.abs().max().item<double>());
  }
  EXPECT_GT(most, 1e-3);
}

TEST(Train, RoutesDoNotDependOnThreads) {
  std::vector<std::vector<std::string>> routes;
  const int before = threads();
  for (const int count : {1, 2, 3}) {
    const TemporaryFolder folder;
    set_threads(count);
    quiet_run(folder, {"train.steps=20"});
    routes.emplace_back();
    for (const auto& line : metrics_of(folder.path())) routes.back().push_back(line.at("route"));
  }
  set_threads(before);
  EXPECT_EQ(routes[0], routes[1]);
  EXPECT_EQ(routes[0], routes[2]);
  EXPECT_EQ(routes[0].size(), 2U);
}

TEST(Train, StopsOnALossThatIsNotFinite) {
  const TemporaryFolder folder;
  const std::string message = error_of([&] {
    quiet_run(folder, {"optimiser.lr=1e30", "optimiser.clip=0", "train.checkpoint_every=1", "sampler.kind=shuffle"});
  });
  EXPECT_NE(message.find(" became "), std::string::npos) << message;
  EXPECT_NE(message.find("at step "), std::string::npos) << message;
  EXPECT_NE(message.find("under route "), std::string::npos) << message;
  EXPECT_NE(message.find("last good checkpoint is that of step "), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(folder.file("result.json")));
}

TEST(Train, AnotherRecipeInTheSameFolderIsRefused) {
  const TemporaryFolder folder;
  quiet_run(folder, {"train.steps=5"});
  const std::string message = error_of([&] { quiet_run(folder, {"train.steps=5", "optimiser.lr=0.1"}); });
  EXPECT_NE(message.find("another recipe"), std::string::npos) << message;
  EXPECT_EQ(
      train(tiny_recipe({"train.steps=7"}), tiny_data(), {.run_folder = folder.path(), .quiet = true, .force = true})
          .steps,
      7);
  const TrainResult fresh =
      train(tiny_recipe({"train.steps=3"}), tiny_data(), {.run_folder = folder.path(), .quiet = true, .restart = true});
  EXPECT_EQ(fresh.steps, 3);
  EXPECT_FALSE(fresh.resumed);
}

TEST(Train, DataThatDoesNotFitTheModel) {
  const TemporaryFolder folder;
  EXPECT_NE(error_of([&] { quiet_run(folder, {"model.image_height=12"}); }).find("model.image_height"),
            std::string::npos);
  EXPECT_NE(error_of([&] { quiet_run(folder, {"model.classes=3"}); }).find("set model.classes to 4"),
            std::string::npos);
}

TEST(Train, Bf16LearnsTooAndWarnsWhereItIsSlow) {
  const TemporaryFolder folder;
  int warnings = 0;
  const TrainResult result = train(tiny_recipe({"train.precision=bf16", "sampler.kind=fixed"}), tiny_data(),
                                   {.run_folder = folder.path(), .on_message = [&](const TrainMessage& message) {
                                      warnings += message.kind == TrainMessage::Kind::warning;
                                    }});
  EXPECT_GT(result.sequential.accuracy, 0.7);
  EXPECT_EQ(warnings, cpu_features().avx512_bf16 || cpu_features().amx_bf16 ? 0 : 1);
}

TEST(Train, EpochsAreCountedInStepsOfTheData) {
  const TrainData data = tiny_data();  // 300 images in batches of 32
  const Recipe recipe = with_steps(tiny_recipe({"train.steps=0", "train.epochs=1.5"}), data);
  EXPECT_EQ(recipe.train.steps, 15);
  EXPECT_EQ(recipe.train.epochs, 0);
  const TemporaryFolder by_epochs, by_steps;
  EXPECT_EQ(quiet_run(by_epochs, {"train.steps=0", "train.epochs=1.5"}).steps, 15);
  quiet_run(by_steps, {"train.steps=15"});
  EXPECT_EQ(model_bytes(by_epochs.path()), model_bytes(by_steps.path()));
  EXPECT_NE(error_of([&] {
              with_steps(tiny_recipe({"train.steps=0", "train.epochs=1", "schedule.warmup=11"}), data);
            }).find("at most the 10 steps"),
            std::string::npos);
}

detail::FileCalls real_calls;

// Images in files, one of which is damaged until it is copied again.
class Files final : public ImageSource {
 public:
  Files(Tensor pixels, const bool& damaged) : pixels_(std::move(pixels)), damaged_(damaged) {}
  Tensor at(int64_t index) const override {
    if (damaged_ && index == 77) fail("77.png: damaged");
    return pixels_[index];
  }
  std::string identity() const override { return "files"; }

 private:
  Tensor pixels_;
  const bool& damaged_;
};

TEST(Train, AnImageThatCannotBeReadKeepsTheStepsBeforeIt) {
  const std::vector<std::string> overrides{"train.steps=30", "train.checkpoint_every=0"};
  bool damaged = true;
  TrainData data = tiny_data();
  data.train.source = std::make_shared<Files>(std::exchange(data.train.pixels, {}), damaged);
  data.train.fit = exact_fit(8, 8);
  data.train.channels = 1;
  const TemporaryFolder whole, broken;
  const auto run = [&](const TemporaryFolder& folder) {
    return train(tiny_recipe(overrides), data, {.run_folder = folder.path(), .quiet = true});
  };
  const std::string message = error_of([&] { run(broken); });
  EXPECT_NE(message.find("77.png: damaged"), std::string::npos) << message;
  EXPECT_NE(message.find("steps done are kept"), std::string::npos) << message;
  EXPECT_NE(error_of([&] { run(broken); }).find("77.png: damaged"), std::string::npos);
  damaged = false;
  EXPECT_TRUE(run(broken).resumed);
  EXPECT_FALSE(run(whole).resumed);
  EXPECT_EQ(model_bytes(broken.path()), model_bytes(whole.path()));

  damaged = true;
  const TemporaryFolder full;
  real_calls = detail::file_calls;
  detail::file_calls.open = [](const char* path, int flags, mode_t mode) {
    return std::string_view(path).find("state") == std::string_view::npos ? real_calls.open(path, flags, mode)
                                                                          : (errno = ENOSPC, -1);
  };
  const std::string both = error_of([&] { run(full); });
  detail::file_calls = real_calls;
  EXPECT_NE(both.find("77.png: damaged"), std::string::npos) << both;
  EXPECT_NE(both.find("No space left"), std::string::npos) << both;
}

int writes_left = 0;

TEST(Train, FullDiskStopsTheRunAndTheSameCommandGoesOn) {
  const std::vector<std::string> overrides{"train.steps=30"};
  const TemporaryFolder whole, broken;
  quiet_run(whole, overrides);
  real_calls = detail::file_calls;
  writes_left = 400;  // in the third checkpoint
  detail::file_calls.write = [](int file, const void* data, size_t size) -> ssize_t {
    if (writes_left-- <= 0) return errno = ENOSPC, -1;
    return real_calls.write(file, data, size);
  };
  const std::string message = error_of([&] { quiet_run(broken, overrides); });
  detail::file_calls = real_calls;
  EXPECT_NE(message.find("No space left"), std::string::npos) << message;
  EXPECT_NE(message.find("the same command goes on"), std::string::npos) << message;
  EXPECT_TRUE(quiet_run(broken, overrides).resumed);
  EXPECT_EQ(model_bytes(broken.path()), model_bytes(whole.path()));
}

}  // namespace
}  // namespace strata
