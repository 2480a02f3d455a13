#pragma once

#include <string>

namespace strata::report {

/// Where a drawing is shown: alone on white, alone on near-black, or inside a page whose style sheet carries both
/// (theme_variables).
enum class Theme { light, dark, page };

/// Colours told apart by series number; safe for the common kinds of colour blindness (after Okabe and Ito 2008), at
/// least 3:1 against the background in both themes.
inline constexpr int kPaletteSize = 8;

/// "--ink:#1f2430;--c0:#...;": the colours of Theme::light or Theme::dark as CSS custom properties.
std::string theme_variables(Theme theme);

/// Style sheet of every drawing: colours written out for light and dark, custom properties for Theme::page.
std::string drawing_css(Theme theme);

/// "#rrggbb" for position t in [0, 1] along an ordered set (blocks, slots): blue to amber through green, readable on
/// both themes.
std::string ordinal_colour(double t);

/// "#rrggbb" for t in [0, 1] from low (dark blue) to high (pale yellow); lightness grows with t.
std::string sequential_colour(double t);

/// "#rrggbb" for t in [-1, 1]: below (rust), zero (pale grey), above (blue).
std::string diverging_colour(double t);

/// Whether black text reads better than white on "#rrggbb".
bool wants_dark_text(const std::string& colour);

}  // namespace strata::report
