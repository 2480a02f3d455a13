#pragma once

#include <CLI/App.hpp>
#include <optional>

#include "apps/strata/options.h"

namespace strata::cli {

/// The tree of verbs and options; parsing fills `options`, which must outlive it. Type names say what completes them:
/// FILE, FOLDER, RECIPE, {a,b,c}.
void describe(CLI::App& app, Options& options);

/// Reads the command line. Returns nothing when help or the version was asked for and printed; throws UsageError, whose
/// sentence names the verb, for anything wrong.
std::optional<Options> read_command_line(int argc, const char* const* argv);

/// The verb that `argv` names, for messages: "strata train", or "strata".
std::string who(int argc, const char* const* argv);

}  // namespace strata::cli
