#pragma once

#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "strata/base/error.h"

namespace strata {

/// For faults that no input of a fuzzer has (a folder that is not there, a value that cannot be written).
template <class Call>
void expect_refused(Call&& call) {
  try {
    (void)call();
  } catch (const Error&) {
    return;
  }
  std::abort();
}

/// A folder of files for as long as it lives.
class FilesForFuzzing {
 public:
  FilesForFuzzing() {
    std::string pattern = (std::filesystem::temp_directory_path() / "strata-fuzz-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  FilesForFuzzing(const FilesForFuzzing&) = delete;
  FilesForFuzzing& operator=(const FilesForFuzzing&) = delete;
  ~FilesForFuzzing() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string put(const std::string& name, std::string_view text) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << text;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

}  // namespace strata
