#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

/// A decoded picture, channel after channel: pixels [channels, height, width]; 1 channel is grey, 3 are red, green,
/// blue.
struct DecodedImage {
  int64_t channels = 0, height = 0, width = 0;
  std::vector<uint8_t> pixels;
};

/// What a header says, orientation applied.
struct ImageInfo {
  int64_t channels = 0, height = 0, width = 0;
};

/// Largest picture that is decoded unless the caller says otherwise: 64 million pixels.
constexpr int64_t kMostImagePixels = int64_t{1} << 26;

/// Decodes a PNG (libpng) or JPEG (libjpeg-turbo) file held in memory; what it is, its first bytes say. Colour spaces
/// become what Pillow's convert("L") or convert("RGB") makes of them: palettes are looked up, transparency is dropped,
/// CMYK is multiplied out, 16 bits become 8 by rounding (Pillow cuts grey off at 255 instead). The orientation in a
/// JPEG's Exif data is applied. Sizes are checked before anything is allocated. Throws Error beginning with `name` for
/// other formats, damaged, truncated or implausibly large files.
DecodedImage decode_image(std::span<const std::byte> file, const std::string& name,
                          int64_t most_pixels = kMostImagePixels);

/// Size and channels of what decode_image would give, from the header alone; throws as it does for what a header shows.
ImageInfo image_info(std::span<const std::byte> file, const std::string& name, int64_t most_pixels = kMostImagePixels);

/// Whether a file's name ends in .png, .jpg or .jpeg, in any case.
bool image_file_name(std::string_view path);

}  // namespace strata
