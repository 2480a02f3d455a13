#include "strata/formats/exif.h"

#include <cstdint>
#include <cstring>

namespace strata {
namespace {

using Bytes = std::span<const std::byte>;

// A number of `size` bytes at `at`, or 0 beyond the end: every use below then finds nothing.
uint32_t number(Bytes bytes, size_t at, size_t size, bool little) {
  if (at > bytes.size() || bytes.size() - at < size) return 0;
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i)
    value = value << 8 | std::to_integer<uint32_t>(bytes[at + (little ? size - 1 - i : i)]);
  return value;
}

constexpr int kUpright = 1, kLastOrientation = 8;

int tiff_orientation(Bytes tiff) {
  const bool little = number(tiff, 0, 2, false) == 0x4949;
  if ((!little && number(tiff, 0, 2, false) != 0x4D4D) || number(tiff, 2, 2, little) != 42) return kUpright;
  const size_t directory = number(tiff, 4, 4, little);
  const size_t entries = number(tiff, directory, 2, little);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (entry >= tiff.size()) break;
    constexpr uint32_t kOrientation = 0x0112, kShort = 3;
    if (number(tiff, entry, 2, little) != kOrientation || number(tiff, entry + 2, 2, little) != kShort) continue;
    const auto value = static_cast<int>(number(tiff, entry + 8, 2, little));
    return value >= kUpright && value <= kLastOrientation ? value : kUpright;
  }
  return kUpright;
}

}  // namespace

int jpeg_orientation(Bytes file) {
  constexpr uint32_t kStartOfScan = 0xDA, kApplication1 = 0xE1;
  size_t at = 2;  // behind the start-of-image marker
  while (number(file, at, 1, false) == 0xFF) {
    const uint32_t marker = number(file, at + 1, 1, false);
    const size_t length = number(file, at + 2, 2, false);
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    if (marker == kStartOfScan || length < 2 || at + 2 + length > file.size()) break;
    const Bytes segment = file.subspan(at + 4, length - 2);
    constexpr char kExif[] = {'E', 'x', 'i', 'f', '\0', '\0'};
    if (marker == kApplication1 && segment.size() >= sizeof(kExif) &&
        std::memcmp(segment.data(), kExif, sizeof(kExif)) == 0)
      return tiff_orientation(segment.subspan(sizeof(kExif)));
    at += 2 + length;
  }
  return kUpright;
}

}  // namespace strata
