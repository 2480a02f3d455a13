#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "strata/base/file.h"
#include "strata/base/random.h"
#include "tests/temporary_folder.h"
#include "tests/train/tiny_run.h"
#include "tests/train/tiny_text.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto kFolder = "STRATA_TEST_RUN_FOLDER";
constexpr auto kSteps = "STRATA_TEST_RUN_STEPS";
constexpr auto kText = "STRATA_TEST_RUN_TEXT";  // set: on text, not on images

// Not a test but the program that is killed: this one, started again by the tests below with a folder to train in.
TEST(ResumeChild, DISABLED_Trains) {
  const char *folder = std::getenv(kFolder), *steps = std::getenv(kSteps);
  ASSERT_TRUE(folder && steps);
  const std::vector<std::string> overrides{std::string("train.steps=") + steps};
  const bool text = std::getenv(kText) != nullptr;
  const TrainResult result =
      text ? train(tiny_text_recipe(overrides), tiny_text_data(), {.run_folder = folder, .quiet = true})
           : train(tiny_recipe(overrides), tiny_data(), {.run_folder = folder, .quiet = true});
  EXPECT_EQ(result.steps, std::atoll(steps));
}

pid_t start(const std::string& folder, int64_t steps) {
  ::setenv(kFolder, folder.c_str(), 1);
  ::setenv(kSteps, std::to_string(steps).c_str(), 1);
  std::string program = fs::read_symlink("/proc/self/exe").string();
  std::string filter = "--gtest_filter=ResumeChild.DISABLED_Trains", disabled = "--gtest_also_run_disabled_tests",
              brief = "--gtest_brief=1";
  char* arguments[] = {program.data(), filter.data(), disabled.data(), brief.data(), nullptr};
  pid_t child = 0;
  if (posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ) != 0) return -1;
  return child;
}

// Exit status of a child, or nothing while it runs.
std::optional<int> status_of(pid_t child, bool wait) {
  int status = 0;
  return waitpid(child, &status, wait ? 0 : WNOHANG) == child ? std::optional(status) : std::nullopt;
}

int64_t newest_step(const std::string& folder) {
  int64_t newest = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder + "/state", error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("step-") && name.find('.') == std::string::npos)
      newest = std::max<int64_t>(newest, std::atoll(name.c_str() + 5));
  }
  return newest;
}

std::string bytes_of(const std::string& path) {
  return read_text(path, 1 << 24);
}

// Kills a run `kills` times with SIGKILL at moments spread over its length, starts it again each time and compares with
// a run nobody disturbed.
void kill_and_compare(int64_t steps, int kills, uint64_t seed) {
  const TemporaryFolder whole, broken;
  const pid_t undisturbed = start(whole.path(), steps);
  ASSERT_EQ(status_of(undisturbed, true), 0);
  Random random(seed);
  int killed = 0, resumed_late = 0;
  for (int attempt = 0; attempt < kills; ++attempt) {
    const pid_t child = start(broken.path(), steps);
    ASSERT_GT(child, 0);
    // Wait until it has come a little further than the last one, then any moment will do: between or inside steps and
    // writes.
    const int64_t before = newest_step(broken.path()), wanted = std::min(steps - 10, before + steps / (kills + 1));
    std::optional<int> status;
    while (!(status = status_of(child, false)) && newest_step(broken.path()) < wanted)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::microseconds(random.below(30000)));
    if (!status) {
      ::kill(child, SIGKILL);
      status = status_of(child, true);
    }
    if (WIFSIGNALED(*status)) ++killed;
    resumed_late += before > 0;
  }
  EXPECT_GE(killed, kills - 1);
  EXPECT_GT(resumed_late, 0);
  ASSERT_EQ(status_of(start(broken.path(), steps), true), 0);
  const auto same = [&](const std::string& name) {
    EXPECT_TRUE(bytes_of(whole.file(name)) == bytes_of(broken.file(name))) << name << " differs";
  };
  same("model/model.safetensors");
  char last[64];
  std::snprintf(last, sizeof last, "state/step-%06lld/tensors.safetensors", static_cast<long long>(steps));
  same(last);
}

TEST(Resume, KilledRunsEndWithTheSameBits) {
  kill_and_compare(150, 4, 1);
}

TEST(Resume, KilledRunsOnTextEndWithTheSameBits) {
  ::setenv(kText, "1", 1);
  kill_and_compare(150, 3, 5);
  ::unsetenv(kText);
}

TEST(SlowResume, KilledManyTimes) {
  for (const uint64_t seed : {2, 3, 4}) kill_and_compare(600, 20, seed);
}

}  // namespace
}  // namespace strata
