#pragma once

#include <cstddef>
#include <span>

namespace strata {

/// Orientation (tag 0x0112 of TIFF 6.0, as Exif 2.3 uses it) of a JPEG file: 1 (upright) to 8; 1 where the file says
/// nothing or something senseless. Reads segment headers up to the first scan and never beyond the file.
int jpeg_orientation(std::span<const std::byte> file);

}  // namespace strata
