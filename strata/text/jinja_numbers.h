#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "strata/text/jinja_functions.h"

namespace strata::jinja {

/// Exact, also where a double holds no such integer; unordered for a NaN.
std::partial_ordering compare_exactly(int64_t a, double b);

/// Python's float(text) in any locale: white space around, single underscores between digits, inf, infinity, nan.
std::optional<double> parse_number(std::string_view text);
/// Python's int(text, base), base 0 or 2 to 36. Throws Error for a number beyond 64 bits.
std::optional<int64_t> parse_integer(std::string_view text, int64_t base);

/// value | int(default, base), value | float(default), value | round(precision, method).
Value to_integer(const Value& value, const Arguments& arguments, Meter& meter);
Value to_number(const Value& value, const Arguments& arguments, Meter& meter);
Value rounded(const Value& value, const Arguments& arguments, Meter& meter);

/// text % values, as far as %s %r %d %i %x %f go, with a precision as in %.3f. Throws Error for values left over if all are
/// needed.
std::string percent_format(const std::string& format, const std::vector<Value>& values, bool need_all, Meter& meter);

}  // namespace strata::jinja
