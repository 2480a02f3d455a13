#pragma once

#include <CLI/App.hpp>
#include <string>

#include "apps/strata/options.h"
#include "strata/base/block_pool.h"

namespace strata::cli {

// Verbs that need no tensors: each prints its result, or throws.

struct Startup {
  AllocatorChoice allocator;
  std::string threads_reason;  // why so many threads
};

void doctor(const Common& common, const Doctor& options, const Startup& startup);
void convert(const Common& common, const Convert& options);
void inspect(const Common& common, const Inspect& options);
void tokenize(const Common& common, const Tokenize& options);
/// `strata bench tokenize`: ours against the `tokenizers` library of python3 (or of STRATA_PYTHON).
void bench_tokenize(const Common& common, const Bench& options);
void recipes(const Common& common, const Recipes& options);

/// The completion script of bash, zsh or fish for a tree of verbs.
std::string completion(const CLI::App& app, const std::string& shell);

/// The manual page's source, in scdoc's format, for a tree of verbs.
std::string manual(const CLI::App& app);

}  // namespace strata::cli
