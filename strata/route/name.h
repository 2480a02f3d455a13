#pragma once

#include <cstddef>
#include <string_view>

namespace strata {

/// How many characters from the start of `text` form a name: a letter or underscore, then letters, digits and
/// underscores (ASCII).
size_t name_length(std::string_view text);

/// The length of a part's name without what the grammar reads as a repeat: 3 for "ffnx2", 0 for "x2", 5 for "mixer".
size_t length_before_repeat(std::string_view name);

}  // namespace strata
