#pragma once

#include <span>
#include <string>
#include <string_view>

namespace strata {

/// " (did you mean 'steps'?)" for the candidate nearest to a mistyped word, or nothing when none is near (more than a
/// third of its letters differ).
std::string suggestion(std::string_view word, std::span<const std::string> candidates);

/// 'name' for a message: shortened to 200 letters, control characters shown as '?', as names may come from a hostile
/// file.
std::string in_quotes(std::string_view name);

/// "a, b, c": names in the order given, shortened to the first `most` of them.
std::string join_names(std::span<const std::string> names, size_t most = 40);

}  // namespace strata
