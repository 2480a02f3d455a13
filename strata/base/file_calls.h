#pragma once

#include <sys/types.h>

#include <cstddef>

namespace strata::detail {

/// The calls by which base/file changes a disk. Tests replace entries to make the k-th of them fail; nobody else writes
/// here.
struct FileCalls {
  int (*open)(const char* path, int flags, mode_t mode);
  ssize_t (*write)(int file, const void* data, size_t size);
  int (*fsync)(int file);
  int (*rename)(const char* from, const char* to);
  int (*exchange)(const char* one, const char* other);  // both names must exist; swaps what they name
};

extern FileCalls file_calls;

}  // namespace strata::detail
