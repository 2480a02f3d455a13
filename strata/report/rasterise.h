#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace strata::report {

/// Whether this build can turn drawings into PNG files.
bool can_rasterise();

/// A drawing (a stand-alone SVG, from render_svg with Theme::light or Theme::dark) as the bytes of a PNG of
/// `pixel_width` pixels, on white. Twice the width it will be shown at is sharp on any screen. Throws Error when the
/// SVG cannot be drawn, the size is not sensible, or the build lacks librsvg.
std::string rasterise(std::string_view svg, int pixel_width);

/// The same into a file, through a temporary name, so that a reader never sees half a picture.
void write_png(const std::filesystem::path& path, std::string_view svg, int pixel_width);

/// Writes `bytes` to `path` through a temporary name in the same folder. Throws Error when that fails, leaving an older
/// file as it was.
void write_whole_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace strata::report
