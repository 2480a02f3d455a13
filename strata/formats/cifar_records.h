#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

inline constexpr int64_t kCifarSide = 32, kCifarChannels = 3, kCifarPixels = kCifarChannels * kCifarSide * kCifarSide;

/// How the records of a "binary version" of CIFAR (Krizhevsky 2009) look and which of their labels is read. A record is
/// the label (CIFAR-100: coarse, then fine) and 3 x 32 x 32 bytes.
struct CifarKind {
  int64_t label_bytes, label_at, classes;
  const char* names;  // the file of the classes' names

  int64_t record() const { return label_bytes + kCifarPixels; }
};
inline constexpr CifarKind kCifar10{1, 0, 10, "batches.meta.txt"}, kCifar100Coarse{2, 0, 20, "coarse_label_names.txt"},
    kCifar100Fine{2, 1, 100, "fine_label_names.txt"};

/// The number of images in a file of so many bytes. Throws Error naming `file` for an empty or incomplete one.
int64_t cifar_images(const CifarKind& kind, size_t bytes, const std::string& file);

/// Writes the pixels [images, 3, 32, 32] and labels [images] of a file whose size was checked. Throws Error naming `file`
/// and the image for an unknown label.
void read_cifar_records(const CifarKind& kind, std::span<const std::byte> bytes, const std::string& file,
                        uint8_t* pixels, int64_t* labels);

/// One name in each line; empty lines are passed over. Throws Error for another number of names than of classes.
std::vector<std::string> cifar_names(std::string_view text, int64_t classes, const std::string& file);

}  // namespace strata
