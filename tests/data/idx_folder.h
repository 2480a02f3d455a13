#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/temporary_folder.h"

namespace strata {

/// Bytes of an IDX file of unsigned bytes.
inline std::string idx_bytes(const std::vector<uint32_t>& shape, const std::string& data) {
  std::string bytes{'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (const uint32_t size : shape)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift);
  return bytes + data;
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A folder like MNIST's: `count` images of 3 x 2 pixels in both splits; pixel p of image i is 16 i + p, label i % 10.
inline void write_mnist_folder(const std::string& folder, uint32_t count) {
  std::string pixels, labels;
  for (uint32_t i = 0; i < count; ++i) {
    for (uint32_t p = 0; p < 6; ++p) pixels += static_cast<char>(16 * i + p);
    labels += static_cast<char>(i % 10);
  }
  for (const std::string split : {"train", "t10k"}) {
    const std::string start = (std::filesystem::path(folder) / split).string();
    write_bytes(start + "-images-idx3-ubyte", idx_bytes({count, 3, 2}, pixels));
    write_bytes(start + "-labels-idx1-ubyte", idx_bytes({count}, labels));
  }
}

/// Sets an environment variable while it lives.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, had_ = true;
    ::setenv(name, value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { had_ ? ::setenv(name_, old_.c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

}  // namespace strata
