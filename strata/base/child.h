#pragma once

#include <string>
#include <vector>

namespace strata {

/// Runs a program (found along PATH) and returns what it printed. `environment` holds NAME=VALUE settings that are
/// added to this process's. Throws Error with its exit code and last words when it fails.
std::string output_of(const std::vector<std::string>& command, const std::vector<std::string>& environment = {});

/// The file this process runs from, to run it once more.
std::string own_program();

}  // namespace strata
