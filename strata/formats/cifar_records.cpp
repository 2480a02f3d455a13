#include "strata/formats/cifar_records.h"

#include <algorithm>
#include <cstring>

#include "strata/base/error.h"

namespace strata {

int64_t cifar_images(const CifarKind& kind, size_t bytes, const std::string& file) {
  const auto record = static_cast<size_t>(kind.record());
  if (bytes == 0 || bytes % record != 0)
    fail(file, ": expected a multiple of ", record, " bytes (", kind.label_bytes,
         " of labels and 3 x 32 x 32 pixels for each image), found ", bytes,
         "; is it complete, and the binary version of CIFAR?");
  return static_cast<int64_t>(bytes / record);
}

void read_cifar_records(const CifarKind& kind, std::span<const std::byte> bytes, const std::string& file,
                        uint8_t* pixels, int64_t* labels) {
  const int64_t images = cifar_images(kind, bytes.size(), file);
  for (int64_t image = 0; image < images; ++image) {
    const std::byte* from = bytes.data() + image * kind.record();
    labels[image] = std::to_integer<int64_t>(from[kind.label_at]);
    if (labels[image] >= kind.classes)
      fail(file, ": image ", image, ": expected a label below ", kind.classes, ", found ", labels[image]);
    std::memcpy(pixels + image * kCifarPixels, from + kind.label_bytes, kCifarPixels);
  }
}

std::vector<std::string> cifar_names(std::string_view text, int64_t classes, const std::string& file) {
  std::vector<std::string> names;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) names.emplace_back(line);
    at = end + 1;
  }
  if (std::ssize(names) != classes)
    fail(file, ": expected ", classes, " names, one in each line, found ", names.size());
  return names;
}

}  // namespace strata
