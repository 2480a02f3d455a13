#include "strata/base/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cmath>
#include <csignal>
#include <cstring>
#include <string_view>

#include "strata/base/error.h"

namespace strata {
namespace {

std::vector<char*> pointers(std::vector<std::string>& list) {
  std::vector<char*> result;
  result.reserve(list.size() + 1);
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

// Starts a program with `theirs` as its output and, where asked, its input; closes `theirs`, and `ours` where it fails.
pid_t started(const std::vector<std::string>& command, const std::vector<std::string>& environment, int ours,
              int theirs, bool input) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (input) posix_spawn_file_actions_adddup2(&actions, theirs, 0);
  posix_spawn_file_actions_adddup2(&actions, theirs, 1);
  std::vector<std::string> arguments = command;
  std::vector<std::string> settings = environment_with(environment);
  pid_t child = 0;
  const int refused = ::posix_spawnp(&child, command.at(0).c_str(), &actions, nullptr, pointers(arguments).data(),
                                     pointers(settings).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(theirs);
  if (refused != 0) {
    ::close(ours);
    fail("cannot run ", command[0], ": ", std::strerror(refused));
  }
  return child;
}

// How a program ended that was or is about to.
int status_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

std::string output_of(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  std::array<int, 2> pipe_ends{};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) fail("cannot run ", command.at(0), ": ", std::strerror(errno));
  const pid_t child = started(command, environment, pipe_ends[0], pipe_ends[1], false);
  std::string output;
  std::array<char, 4096> chunk{};
  for (;;) {
    const ssize_t got = ::read(pipe_ends[0], chunk.data(), chunk.size());
    if (got > 0) output.append(chunk.data(), static_cast<size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR)) break;
  }
  ::close(pipe_ends[0]);
  const int status = status_of(child);
  if (WIFSIGNALED(status)) fail(command[0], " was ended by signal ", WTERMSIG(status));
  if (WEXITSTATUS(status) != 0)
    fail(command[0], " ended with exit code ", WEXITSTATUS(status), ": ",
         output.substr(output.size() > 300 ? output.size() - 300 : 0));
  return output;
}

double number_of(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  const std::string output = output_of(command, environment);
  const char* const end = output.data() + output.find_last_not_of(" \n") + 1;
  double number = 0;
  const auto [rest, error] = std::from_chars(output.data(), end, number);
  if (error != std::errc() || rest != end || !std::isfinite(number))
    fail(command.at(0), ": expected it to print one number, found '", output.substr(0, 100), "'");
  return number;
}

Child::Child(const std::vector<std::string>& command, const std::vector<std::string>& environment)
    : name_(command.at(0)) {
  std::array<int, 2> ends{};
  // A socket and not pipes: writing to a program that has ended is then an error, not a signal to this process.
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    fail("cannot run ", name_, ": ", std::strerror(errno));
  process_ = started(command, environment, ends[0], ends[1], true);
  socket_ = ends[0];
}

Child::~Child() {
  ::close(socket_);
  if (process_ == 0) return;
  ::kill(process_, SIGTERM);
  static_cast<void>(status_of(process_));
}

void Child::say(const std::string& line) {
  const std::string text = line + "\n";
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count = ::send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot speak to ", name_, ": ", std::strerror(errno));
    sent += static_cast<size_t>(count);
  }
}

std::string Child::hear() {
  std::array<char, 4096> chunk{};
  for (;;) {
    if (const size_t end = heard_.find('\n'); end != std::string::npos) {
      std::string line = heard_.substr(0, end);
      heard_.erase(0, end + 1);
      return line;
    }
    const ssize_t got = ::read(socket_, chunk.data(), chunk.size());
    if (got > 0) heard_.append(chunk.data(), static_cast<size_t>(got));
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    if (process_ == 0) fail(name_, " has ended");
    const int status = status_of(process_);
    process_ = 0;
    if (WIFSIGNALED(status)) fail(name_, " was ended by signal ", WTERMSIG(status));
    fail(name_, " ended with exit code ", WEXITSTATUS(status), " before it answered");
  }
}

std::string own_program() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (size <= 0) fail("cannot tell which file this program runs from: ", std::strerror(errno));
  return {path.data(), static_cast<size_t>(size)};
}

}  // namespace strata
