#include "strata/train/state.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "strata/base/file_calls.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

TrainState state_at(int64_t step) {
  const double value = static_cast<double>(step);
  TrainState state{
      .step = step, .seconds = 1.5 * value, .identity = {"recipe", "data", "2", "avx2"}, .names = {"a", "b"}};
  for (const int64_t size : {3, 5}) {
    state.params.push_back(at::full({size}, value));
    state.optimiser.push_back({at::full({size}, value + 0.25), at::full({size}, value + 0.5), step + size});
    state.ema.push_back(at::full({size}, value - 1));
  }
  return state;
}

TEST(TrainStateFiles, ReadBackAndKeepTheNewestTwo) {
  const TemporaryFolder folder;
  std::vector<std::string> warnings;
  EXPECT_FALSE(load_state(folder.path(), warnings).has_value());
  for (const int64_t step : {5, 10, 999999, 1000000}) save_state(folder.path(), state_at(step));
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder.path())) left.push_back(entry.path().filename().string());
  EXPECT_EQ(left.size(), 2U);
  const auto state = load_state(folder.path(), warnings);
  ASSERT_TRUE(state.has_value());
  const TrainState want = state_at(1000000);
  EXPECT_EQ(state->step, want.step);
  EXPECT_EQ(state->seconds, want.seconds);
  EXPECT_EQ(state->identity, want.identity);
  EXPECT_EQ(state->names, want.names);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(at::equal(state->params[i], want.params[i]));
    EXPECT_TRUE(at::equal(state->optimiser[i].first, want.optimiser[i].first));
    EXPECT_TRUE(at::equal(state->optimiser[i].second, want.optimiser[i].second));
    EXPECT_EQ(state->optimiser[i].steps, want.optimiser[i].steps);
    EXPECT_TRUE(at::equal(state->ema[i], want.ema[i]));
  }
  EXPECT_TRUE(warnings.empty());
}

TEST(TrainStateFiles, OneFlippedBitFallsBackToTheOlderCheckpoint) {
  const TemporaryFolder folder;
  save_state(folder.path(), state_at(5));
  const std::string newest = save_state(folder.path(), state_at(10)) + "/tensors.safetensors";
  {
    std::fstream file(newest, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(-2, std::ios::end);
    const char byte = static_cast<char>(file.get());
    file.seekp(-2, std::ios::end);
    file.put(static_cast<char>(byte ^ 4));
  }
  std::vector<std::string> warnings;
  EXPECT_EQ(load_state(folder.path(), warnings)->step, 5);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("checksum"), std::string::npos) << warnings[0];
}

TEST(TrainStateFiles, MalformedManifestsAreDamage) {
  for (const std::string text : {"", "{", "[]", "{\"format\": 2}", "{\"format\": 1, \"step\": \"x\"}"}) {
    const TemporaryFolder folder;
    std::ofstream(save_state(folder.path(), state_at(5)) + "/manifest.json") << text;
    std::vector<std::string> warnings;
    const std::string message = message_of([&] { load_state(folder.path(), warnings); });
    EXPECT_NE(message.find("damaged"), std::string::npos) << message;
  }
}

TEST(TrainStateFiles, OtherRunsAreRefused) {
  const RunIdentity stored{"r", "d", "2", "avx2"};
  EXPECT_EQ(message_of([&] { check_identity(stored, stored, "run"); }), "");
  RunIdentity now = stored;
  now.threads = "4";
  const std::string message = message_of([&] { check_identity(stored, now, "run"); });
  EXPECT_NE(message.find("number of threads (2, now 4)"), std::string::npos) << message;
}

// Every write, sync and rename of a checkpoint fails once: one sentence, and the older checkpoint stands.
int calls_left = 0;
bool failing() {
  return calls_left-- == 0;
}
detail::FileCalls real_calls;

TEST(TrainStateFiles, FullDiskLeavesTheOlderCheckpoint) {
  real_calls = detail::file_calls;
  const struct Restore {
    ~Restore() { detail::file_calls = real_calls; }
  } restore;
  int failures = 0;
  for (int which = 0;; ++which) {
    const TemporaryFolder folder;
    save_state(folder.path(), state_at(5));
    calls_left = which;
    detail::file_calls.write = [](int file, const void* data, size_t size) -> ssize_t {
      if (failing()) return errno = ENOSPC, -1;
      return real_calls.write(file, data, size);
    };
    detail::file_calls.fsync = [](int file) -> int {
      if (failing()) return errno = ENOSPC, -1;
      return real_calls.fsync(file);
    };
    detail::file_calls.rename = [](const char* from, const char* to) -> int {
      if (failing()) return errno = ENOSPC, -1;
      return real_calls.rename(from, to);
    };
    const std::string message = message_of([&] { save_state(folder.path(), state_at(10)); });
    detail::file_calls = real_calls;
    std::vector<std::string> warnings;
    const auto state = load_state(folder.path(), warnings);
    ASSERT_TRUE(state.has_value());
    EXPECT_TRUE(warnings.empty());
    if (message.empty()) {
      EXPECT_EQ(state->step, 10);
      break;
    }
    ++failures;
    EXPECT_NE(message.find("checkpoint of step 10 could not be saved"), std::string::npos) << message;
    EXPECT_NE(message.find("No space left"), std::string::npos) << message;
    if (state->step != 10) {  // a failing sync of the parent comes after the rename
      EXPECT_EQ(state->step, 5);
      EXPECT_NE(message.find("intact"), std::string::npos) << message;
    }
    ASSERT_LT(which, 100);
  }
  EXPECT_GE(failures, 6);  // write, sync, rename and folder sync, each of two files and more
}

}  // namespace
}  // namespace strata
