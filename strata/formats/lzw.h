#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace strata {

/// What the Unix program compress wrote (LZW of 9 to 16 bits with a code that clears the table; Welch 1984), without
/// its header of three bytes. Throws Error naming `name` when the codes make no sense or give more than max_bytes.
std::string expand_lzw(std::span<const std::byte> codes, const std::string& name, uint64_t max_bytes);

}  // namespace strata
