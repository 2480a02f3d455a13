#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace strata::cli {

/// One option or positional of a verb, as completion scripts and the manual page need it.
struct TreeOption {
  std::vector<std::string> names;    // "--route", "-h"; a positional: its one name
  std::string type;                  // "FILE", "N", ...; empty: a flag
  std::vector<std::string> choices;  // "{bash,zsh,fish}" taken apart
  std::string fallback;              // default value as text
  std::string what;
  bool positional = false, required = false, several = false;
};

struct TreeVerb {
  std::string name;
  std::string what;
  std::vector<TreeOption> options;
};

/// The verbs people see, in the order of the help.
std::vector<TreeVerb> walk(const CLI::App& app);

}  // namespace strata::cli
