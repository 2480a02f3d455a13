#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace strata {

bool is_gzip(std::span<const std::byte> file);

/// A gzip file of one or several members, unpacked. Throws Error naming `name` when it is damaged, cut off, or holds
/// more than max_bytes.
std::string gunzip(std::span<const std::byte> file, const std::string& name, uint64_t max_bytes);

}  // namespace strata
