#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace strata {

/// Element types of IDX files (LeCun's MNIST format), by their code in the file.
enum class IdxType : uint8_t { U8 = 0x08, I8 = 0x09, I16 = 0x0B, I32 = 0x0C, F32 = 0x0D, F64 = 0x0E };

/// An array in C order and in the byte order of this machine (files are big-endian).
struct IdxArray {
  IdxType type = IdxType::U8;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;
};

/// Reads an IDX file, plain or compressed with gzip. The header is checked before anything is allocated, and never more
/// is unpacked than it announces. Throws Error with file, what was expected and what was found.
IdxArray read_idx(const std::string& path);
/// The same from memory; `name` stands for the path in messages.
IdxArray parse_idx(std::span<const std::byte> file, const std::string& name);

}  // namespace strata
