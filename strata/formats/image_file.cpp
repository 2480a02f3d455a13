#include "strata/formats/image_file.h"

#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <memory>
#include <new>

#include "strata/base/error.h"
#include "strata/formats/exif.h"

namespace strata {
namespace {

using Bytes = std::span<const std::byte>;

enum class Kind { png, jpeg };

Kind kind_of(Bytes file, const std::string& name) {
  constexpr std::array<unsigned char, 8> kPng{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  constexpr std::array<unsigned char, 3> kJpeg{0xFF, 0xD8, 0xFF};
  const auto starts = [&](const auto& magic) {
    return file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0;
  };
  if (starts(kPng)) return Kind::png;
  if (starts(kJpeg)) return Kind::jpeg;
  fail(name, ": expected a PNG or JPEG image, found ", file.empty() ? "an empty file" : "other content",
       "; convert it or remove it");
}

// Before pixels are allocated: the caps, and whether so short a file can hold so many pixels at all.
void check_size(Bytes file, const std::string& name, int64_t height, int64_t width, int64_t most_pixels,
                int64_t pixels_per_byte) {
  if (height < 1 || width < 1)
    fail(name, ": expected at least one pixel, found ", width, " x ", height, "; the file is damaged or truncated");
  if (height > most_pixels / width)
    fail(name, ": ", width, " x ", height, " pixels are more than the ", most_pixels,
         " that are decoded; scale the image down");
  constexpr int64_t kHeader = 1024;
  if (height * width / pixels_per_byte > static_cast<int64_t>(file.size()) + kHeader)
    fail(name, ": a file of ", file.size(), " bytes cannot hold the ", width, " x ", height,
         " pixels that its header announces; it is truncated or forged");
}

// [height, width, stride bytes] -> [channels, height, width], the first `channels` of each pixel.
DecodedImage planes(const std::vector<uint8_t>& interleaved, int64_t height, int64_t width, int64_t stride,
                    int64_t channels) {
  DecodedImage image{channels, height, width, std::vector<uint8_t>(channels * height * width)};
  const int64_t count = height * width;
  for (int64_t channel = 0; channel < channels; ++channel) {
    uint8_t* to = image.pixels.data() + channel * count;
    const uint8_t* from = interleaved.data() + channel;
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
  }
  return image;
}

// ---- PNG -----------------------------------------------------------------------------------------------------------

// libpng's simplified reader: no jumps out of it reach us.
class PngReader {
 public:
  PngReader(Bytes file, std::string name, int64_t most_pixels) : name_(std::move(name)) {
    image_.version = PNG_IMAGE_VERSION;
    if (png_image_begin_read_from_memory(&image_, file.data(), file.size()) == 0) refuse();
    // deflate packs at most 1032 bytes into one, and a pixel takes at least one bit
    constexpr int64_t kPixelsPerByte = 8 * 1032;
    try {
      check_size(file, name_, image_.height, image_.width, most_pixels, kPixelsPerByte);
    } catch (...) {
      png_image_free(&image_);  // no destructor runs for what was not constructed
      throw;
    }
    colour_ = (image_.format & PNG_FORMAT_FLAG_COLOR) != 0;
    alpha_ = (image_.format & PNG_FORMAT_FLAG_ALPHA) != 0;
    // Without it 16-bit files that do not name a gamma are taken for linear light and come out far too bright.
    image_.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_image_free(&image_); }

  ImageInfo info() const { return {colour_ ? 3 : 1, image_.height, image_.width}; }

  DecodedImage read() {
    const int64_t channels = colour_ ? 3 : 1, stride = channels + (alpha_ ? 1 : 0);
    // With alpha kept, nothing is blended with a background; it is dropped below.
    image_.format = (colour_ ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY) | (alpha_ ? PNG_FORMAT_FLAG_ALPHA : 0U);
    std::vector<uint8_t> interleaved(stride * image_.height * image_.width);
    if (png_image_finish_read(&image_, nullptr, interleaved.data(), 0, nullptr) == 0) refuse();
    return planes(interleaved, image_.height, image_.width, stride, channels);
  }

 private:
  [[noreturn]] void refuse() const {
    fail(name_, ": damaged or truncated PNG: ", image_.message, "; copy it again or remove it");
  }

  png_image image_{};
  std::string name_;
  bool colour_ = false, alpha_ = false;
};

// ---- JPEG ----------------------------------------------------------------------------------------------------------

// Pixel (y, x) of the upright picture lies at origin + y * down + x * right of the stored one.
struct Upright {
  int64_t height = 0, width = 0, origin = 0, down = 0, right = 0;
};

Upright upright(int orientation, int64_t height, int64_t width) {
  // Exif 2.3: 2 mirrored, 3 upside down, 4 both; from 5 on rows of the upright picture are columns of the stored one:
  // 5 transposed, 6 to be turned right, 7 transposed across the other diagonal, 8 to be turned left.
  const bool columns_back = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool rows_back = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const int64_t along_row = columns_back ? -1 : 1, along_column = rows_back ? -width : width;
  const int64_t origin = (rows_back ? (height - 1) * width : 0) + (columns_back ? width - 1 : 0);
  if (orientation < 5) return {height, width, origin, along_column, along_row};
  return {width, height, origin, along_row, along_column};
}

DecodedImage turned(const DecodedImage& image, int orientation) {
  const Upright map = upright(orientation, image.height, image.width);
  DecodedImage out{image.channels, map.height, map.width, std::vector<uint8_t>(image.pixels.size())};
  uint8_t* to = out.pixels.data();
  for (int64_t channel = 0; channel < image.channels; ++channel) {
    const uint8_t* from = image.pixels.data() + channel * image.height * image.width + map.origin;
    for (int64_t y = 0; y < map.height; ++y)
      for (int64_t x = 0; x < map.width; ++x) *to++ = from[y * map.down + x * map.right];
  }
  return out;
}

// a b / 255, rounded: Pillow's MULDIV255.
uint8_t product255(int a, int b) {
  const int scaled = a * b + 128;
  return static_cast<uint8_t>((scaled + (scaled >> 8)) >> 8);
}

class JpegReader {
 public:
  JpegReader(Bytes file, std::string name, int64_t most_pixels)
      : file_(file), name_(std::move(name)), handle_(tjInitDecompress()) {
    if (!handle_) throw std::bad_alloc();
    int subsampling = 0;
    if (tjDecompressHeader3(handle_.get(), data(), file_.size(), &width_, &height_, &subsampling, &colourspace_) != 0)
      refuse();
    // Huffman coding spends at least one bit on a block of 64 pixels, arithmetic coding about a tenth of that.
    constexpr int64_t kPixelsPerByte = 8 * 1024;
    check_size(file_, name_, height_, width_, most_pixels, kPixelsPerByte);
    orientation_ = jpeg_orientation(file_);
  }

  ImageInfo info() const {
    const Upright map = upright(orientation_, height_, width_);
    return {colourspace_ == TJCS_GRAY ? 1 : 3, map.height, map.width};
  }

  DecodedImage read() {
    const bool grey = colourspace_ == TJCS_GRAY, inks = colourspace_ == TJCS_CMYK || colourspace_ == TJCS_YCCK;
    const int64_t stride = grey ? 1 : inks ? 4 : 3;
    std::vector<uint8_t> interleaved(stride * height_ * width_);
    // Exact arithmetic, as Pillow asks for; at most 500 scans, so that no file takes minutes.
    if (tjDecompress2(handle_.get(), data(), file_.size(), interleaved.data(), width_, 0, height_,
                      grey   ? TJPF_GRAY
                      : inks ? TJPF_CMYK
                             : TJPF_RGB,
                      TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) != 0 &&
        !harmless())
      refuse();
    if (inks)
      // Adobe stores inks inverted, so a product of what is stored is light.
      for (size_t i = 0; i < interleaved.size(); i += 4)
        for (size_t c = 0; c < 3; ++c) {
          const int key = interleaved[i + 3];
          interleaved[i + c] = static_cast<uint8_t>(std::max(0, key - product255(255 - interleaved[i + c], key)));
        }
    const DecodedImage image = planes(interleaved, height_, width_, stride, grey ? 1 : 3);
    return orientation_ == 1 ? image : turned(image, orientation_);
  }

 private:
  const unsigned char* data() const { return reinterpret_cast<const unsigned char*>(file_.data()); }
  // Warnings about what cameras and editors leave behind; all others mean that pixels are missing.
  bool harmless() const {
    if (tjGetErrorCode(handle_.get()) != TJERR_WARNING) return false;
    const std::string_view text = tjGetErrorStr2(handle_.get());
    return text.find("extraneous bytes") != text.npos || text.find("Adobe") != text.npos ||
           text.find("JFIF") != text.npos || text.find("ICC") != text.npos;
  }
  [[noreturn]] void refuse() const {
    fail(name_, ": damaged or truncated JPEG: ", tjGetErrorStr2(handle_.get()), "; copy it again or remove it");
  }

  struct Destroy {
    void operator()(void* handle) const { tjDestroy(handle); }
  };
  Bytes file_;
  std::string name_;
  std::unique_ptr<void, Destroy> handle_;
  int width_ = 0, height_ = 0, colourspace_ = 0, orientation_ = 1;
};

}  // namespace

DecodedImage decode_image(Bytes file, const std::string& name, int64_t most_pixels) {
  if (kind_of(file, name) == Kind::png) return PngReader(file, name, most_pixels).read();
  return JpegReader(file, name, most_pixels).read();
}

ImageInfo image_info(Bytes file, const std::string& name, int64_t most_pixels) {
  if (kind_of(file, name) == Kind::png) return PngReader(file, name, most_pixels).info();
  return JpegReader(file, name, most_pixels).info();
}

bool image_file_name(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string end(path.substr(dot + 1));
  std::transform(end.begin(), end.end(), end.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return end == "png" || end == "jpg" || end == "jpeg";
}

}  // namespace strata
