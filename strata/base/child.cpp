#include "strata/base/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

#include "strata/base/error.h"

namespace strata {
namespace {

std::vector<char*> pointers(std::vector<std::string>& list) {
  std::vector<char*> result;
  for (std::string& item : list) result.push_back(item.data());
  result.push_back(nullptr);
  return result;
}

// This process's environment with some settings replaced.
std::vector<std::string> environment_with(const std::vector<std::string>& settings) {
  std::vector<std::string> all = settings;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view setting = *entry;
    const std::string_view name = setting.substr(0, setting.find('='));
    bool replaced = false;
    for (const std::string& other : settings) replaced = replaced || other.substr(0, other.find('=')) == name;
    if (!replaced) all.emplace_back(setting);
  }
  return all;
}

}  // namespace

std::string output_of(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  std::array<int, 2> pipe_ends{};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) fail("cannot run ", command.at(0), ": ", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 1);
  std::vector<std::string> arguments = command;
  std::vector<std::string> settings = environment_with(environment);
  pid_t child = 0;
  const int refused = ::posix_spawnp(&child, command.at(0).c_str(), &actions, nullptr, pointers(arguments).data(),
                                     pointers(settings).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  if (refused != 0) {
    ::close(pipe_ends[0]);
    fail("cannot run ", command[0], ": ", std::strerror(refused));
  }
  std::string output;
  std::array<char, 4096> chunk{};
  for (;;) {
    const ssize_t got = ::read(pipe_ends[0], chunk.data(), chunk.size());
    if (got > 0) output.append(chunk.data(), static_cast<size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR)) break;
  }
  ::close(pipe_ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) fail(command[0], " was ended by signal ", WTERMSIG(status));
  if (WEXITSTATUS(status) != 0)
    fail(command[0], " ended with exit code ", WEXITSTATUS(status), ": ",
         output.substr(output.size() > 300 ? output.size() - 300 : 0));
  return output;
}

std::string own_program() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (size <= 0) fail("cannot tell which file this program runs from: ", std::strerror(errno));
  return {path.data(), static_cast<size_t>(size)};
}

}  // namespace strata
