// Parser: strata/formats/image_file.cpp
#include <cstdint>
#include <cstdlib>
#include <span>

#include "strata/base/error.h"
#include "strata/formats/image_file.h"

// Any bytes are either refused by an Error or give a picture of the size that its header announces.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  constexpr int64_t kMostPixels = 1 << 18;
  try {
    (void)strata::image_info(file, "input", 1 << 24);  // more than such a file can hold
    const strata::DecodedImage image = strata::decode_image(file, "input", kMostPixels);
    const strata::ImageInfo info = strata::image_info(file, "input", kMostPixels);
    if (image.height * image.width > kMostPixels || info.height != image.height || info.width != image.width ||
        info.channels != image.channels || std::ssize(image.pixels) != image.channels * image.height * image.width)
      std::abort();
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
