// Parser: strata/formats/exif.cpp
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "strata/formats/exif.h"

namespace {

int orientation(const std::string& file) {
  const int value = strata::jpeg_orientation(std::as_bytes(std::span(file)));
  if (value < 1 || value > 8) std::abort();
  return value;
}

}  // namespace

// Any bytes give an orientation; one that was found stays where more follows, or a comment stands before it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string file(reinterpret_cast<const char*>(data), size);
  const int found = orientation(file);
  if (found != 1 && orientation(file + "more") != found) std::abort();
  if (size >= 2) {
    const std::string comment("\xff\xfe\0\5abc", 7);
    if (orientation(file.substr(0, 2) + comment + file.substr(2)) != found) std::abort();
  }
  // As the data of an Exif segment, which most changed bytes in front of it would break.
  if (size > 60'000) return 0;
  const size_t length = size + 8;
  std::string whole("\xff\xd8\xff\xe1", 4);
  whole += static_cast<char>(length >> 8);
  whole += static_cast<char>(length & 0xff);
  (void)orientation(whole + std::string("Exif\0\0", 6) + file);
  return 0;
}
