#pragma once

#include <string>
#include <vector>

namespace strata {

/// Runs a program (found along PATH) and returns what it printed. `environment` holds NAME=VALUE settings that are
/// added to this process's. Throws Error with its exit code and last words when it fails.
std::string output_of(const std::vector<std::string>& command, const std::vector<std::string>& environment = {});

/// The one number that a program printed; Error for anything else it may have printed.
double number_of(const std::vector<std::string>& command, const std::vector<std::string>& environment = {});

/// A running program whose input and output are lines: one is sent, one comes back, as often as wanted. It is told to end
/// (end of its input), and ended when it does not, with this object.
class Child {
 public:
  explicit Child(const std::vector<std::string>& command, const std::vector<std::string>& environment = {});
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// Sends one line; `line` has no line break. Throws Error when the program has ended.
  void say(const std::string& line);
  /// The next line it prints, waited for, without the line break. Throws Error with its exit code when it ends first.
  std::string hear();

 private:
  std::string name_;
  int process_ = 0;
  int socket_ = -1;
  std::string heard_;  // beyond the last line
};

/// The file this process runs from, to run it once more.
std::string own_program();

}  // namespace strata
