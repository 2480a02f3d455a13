#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace strata {

/// XXH3-128 as 32 hexadecimal digits: finds damage, not malice.
std::string checksum(std::span<const std::byte> bytes);
std::string checksum(std::string_view text);

}  // namespace strata
