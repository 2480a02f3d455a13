#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata::report {

/// `text` made safe inside XML and HTML elements and quoted attributes: & < > " ' as entities, bytes that are not UTF-8
/// as U+FFFD, characters XML 1.0 forbids (most control characters) as U+FFFD.
std::string escape_markup(std::string_view text);

/// `text` safe to print on a terminal: control characters (escape sequences among them) and bytes that are not UTF-8 as
/// U+FFFD.
std::string printable(std::string_view text);

/// Fixed-point number, the same in every locale: "-0.05" prints as "−0.05" (U+2212), a rounded zero has no sign, "not a
/// number" is "–".
std::string format_fixed(double value, int decimals);

/// Shortest reading of a number with about `significant` digits: 0.00123, 78.6, 12300, 4.56e12. Same conventions as
/// format_fixed.
std::string format_short(double value, int significant = 3);

/// "78.6 ± 0.8": a value and its spread, both with `decimals` digits; without "±" when the spread is not finite.
std::string format_measured(double value, double spread, int decimals = 1);

/// Width of `text` in the unit of `font_size`, from the advance widths of DejaVu Sans; most screen fonts are narrower.
double text_width(std::string_view text, double font_size);

/// `text` broken at spaces into lines no wider than `width`; a word wider than that is cut with an ellipsis. At least
/// one line.
std::vector<std::string> wrap_text(std::string_view text, double font_size, double width);

/// `text`, cut and ended with "…" when wider than `width`.
std::string shorten_text(std::string_view text, double font_size, double width);

/// Number of code points: the terminal cells of text without wide or combining characters.
int count_cells(std::string_view text);

}  // namespace strata::report
