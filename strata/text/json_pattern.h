#pragma once

#include <string>
#include <string_view>

namespace strata {

/// The inside of a JSON string whose text matches a regular expression of JSON Schema, as an alternative of a grammar (see
/// parse_grammar); uses the rule `char` of any character. Followed: literals, `.`, classes, \d \w \s and their negations,
/// groups, |, ? * + {m,n}, ^ and $ at the ends. Without ^ or $ anything may stand before or behind. Throws Error for
/// look-around, back references and anything else. Matched characters are written as they are, so those that JSON
/// escapes (quotes, backslashes, control characters) are refused where named and left out of classes.
std::string json_pattern_to_grammar(std::string_view pattern, const std::string& name);

}  // namespace strata
