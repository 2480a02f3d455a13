#pragma once

#include <string>
#include <string_view>

namespace strata {

/// The expression of PCRE2 (with PCRE2_UTF and PCRE2_MULTILINE) that matches what Oniguruma matches, as the tokenizers
/// library runs it: Ruby's syntax, Unicode. Throws Error naming `who` for what is malformed or has no counterpart here:
/// references by name, calls, conditions, absent and named groups, characters by byte, folding of one letter to several.
std::string oniguruma_to_pcre2(std::string_view expression, const std::string& who);

}  // namespace strata
