#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strata/text/jinja_signatures.h"

namespace strata::jinja {

/// Python's methods of str, as templates use them, for all of Unicode.
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalised(std::string_view text);
std::string title(std::string_view text);
/// Whether there is a letter of this case and none of another.
bool is_upper(std::string_view text);
bool is_lower(std::string_view text);
/// Without what is white space, or one of `characters` if given, at the ends asked for.
std::string_view stripped(std::string_view text, const std::string* characters, bool left, bool right);
std::string replaced(std::string_view text, std::string_view from, std::string_view to, int64_t most, Meter& meter);
std::vector<std::string_view> lines_of(std::string_view text, bool keep_ends);
/// Where a text first stands at or behind `from`, in bytes, or npos; in time that grows with the sum of their lengths, which
/// std::string's own search does not promise.
size_t find_text(std::string_view text, std::string_view what, size_t from);

/// The method of a text that templates may call by this name; null if there is none.
const Signature* text_method(std::string_view name);
/// Calls one of those, with arguments that its signature takes.
Value call_text_method(const std::string& self, const std::string& name, const Arguments& arguments, Meter& meter);

}  // namespace strata::jinja
