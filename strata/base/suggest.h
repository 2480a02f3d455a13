#pragma once

#include <span>
#include <string>
#include <string_view>

namespace strata {

/// " (did you mean 'steps'?)" for the candidate nearest to a mistyped word, or nothing when none is near (more than a
/// third of its letters differ).
std::string suggestion(std::string_view word, std::span<const std::string> candidates);

/// "a, b, c": names in the order given, shortened to the first `most` of them.
std::string join_names(std::span<const std::string> names, size_t most = 40);

}  // namespace strata
