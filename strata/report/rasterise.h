#pragma once

#include <string>
#include <string_view>

namespace strata::report {

/// Whether this build can turn drawings into PNG files.
bool can_rasterise();

/// A drawing (a stand-alone SVG, from render_svg with Theme::light or Theme::dark) as the bytes of a PNG of
/// `pixel_width` pixels, on white. Twice the width it will be shown at is sharp on any screen. Throws Error when the
/// SVG cannot be drawn, the size is not sensible, or the build lacks librsvg.
std::string rasterise(std::string_view svg, int pixel_width);

/// The same into a file, which appears whole or not at all.
void write_png(const std::string& path, std::string_view svg, int pixel_width);

}  // namespace strata::report
