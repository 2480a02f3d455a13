#include "strata/formats/image_file.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <tuple>

#include "strata/base/error.h"
#include "strata/formats/exif.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const std::string kGolden = "tests/golden/images/";

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

void refuses(const std::string& file, const std::string& because, int64_t most = kMostImagePixels) {
  EXPECT_THAT([&] { decode_image(bytes(file), "x.img", most); },
              ThrowsMessage<Error>(AllOf(testing::StartsWith("x.img: "), HasSubstr(because))));
}

std::string big_endian(uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift);
  return text;
}

// A PNG whose header says so much, with `data` as its compressed rows.
std::string png(uint32_t width, uint32_t height, const std::string& data) {
  const auto chunk = [](const std::string& content) {
    const auto* start = reinterpret_cast<const Bytef*>(content.data());
    return big_endian(static_cast<uint32_t>(content.size() - 4)) + content +
           big_endian(static_cast<uint32_t>(::crc32(0, start, static_cast<uInt>(content.size()))));
  };
  return std::string("\x89PNG\r\n\x1a\n", 8) +
         chunk("IHDR" + big_endian(width) + big_endian(height) + std::string("\x08\x00\x00\x00\x00", 5)) +
         chunk("IDAT" + data) + chunk("IEND");
}

TEST(ImageFile, HeaderAndPixelsAgree) {
  for (const char* name : {"rgb.png", "grey16.png", "palette_transparent.png", "cmyk.jpg", "grey.jpg", "turned6.jpg"}) {
    SCOPED_TRACE(name);
    const std::string file = read(kGolden + name);
    const ImageInfo info = image_info(bytes(file), name);
    const DecodedImage image = decode_image(bytes(file), name);
    EXPECT_EQ(std::tie(info.channels, info.height, info.width), std::tie(image.channels, image.height, image.width));
    EXPECT_EQ(std::ssize(image.pixels), image.channels * image.height * image.width);
  }
}

TEST(ImageFile, EveryTruncationIsAnError) {
  for (const char* name : {"rgb.png", "interlaced.png", "rgb.jpg", "progressive.jpg", "turned3.jpg"}) {
    const std::string file = read(kGolden + name);
    // The last bytes of a JPEG are its end marker, those of a PNG its closing chunk.
    const size_t tail = std::string(name).ends_with("png") ? 12 : 2;
    for (size_t cut = 0; cut + tail < file.size(); ++cut)
      EXPECT_THROW(decode_image(bytes(file.substr(0, cut)), name), Error) << name << " cut to " << cut;
  }
}

TEST(ImageFile, DamageIsFoundOrHarmless) {
  // A flipped bit in a PNG is always found: every chunk has a checksum. (Reserved: bits of chunk names.)
  const std::string good = read(kGolden + "rgb.png");
  int found = 0, harmless = 0;
  for (size_t at = 0; at < good.size(); at += 3) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    try {
      const DecodedImage image = decode_image(bytes(bad), "bad.png");
      harmless += image.pixels == decode_image(bytes(good), "good.png").pixels;
    } catch (const Error&) {
      ++found;
    }
  }
  EXPECT_GT(found, 500);
  EXPECT_LT(harmless, 10);
}

TEST(ImageFile, BombsAreRefusedBeforeAnythingIsAllocated) {
  const auto start = std::chrono::steady_clock::now();
  refuses(png(60000, 60000, "x"), "more than the");
  refuses(png(900000, 900000, "x"), "more than the");
  refuses(png(0xFFFFFFFF, 0xFFFFFFFF, "x"), "damaged");
  refuses(png(8000, 8000, "x"), "cannot hold");
  refuses(png(0, 5, "x"), "damaged");
  refuses(read(kGolden + "rgb.jpg"), "more than the 600", 600);
  std::string jpeg = read(kGolden + "rgb.jpg");
  const size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  for (const size_t at : {5, 7}) jpeg.replace(frame + at, 2, "\x7F\xFF");  // height and width
  refuses(jpeg, "more than the");
  for (const size_t at : {5, 7}) jpeg.replace(frame + at, 2, "\x1F\xFF");
  refuses(jpeg, "cannot hold");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500));
}

TEST(ImageFile, OtherContentsAreNamed) {
  refuses("", "an empty file");
  refuses("GIF89a", "expected a PNG or JPEG image");
  refuses("RIFF....WEBP", "expected a PNG or JPEG image");
  refuses(std::string("\x89PNG\r\n\x1a\n", 8), "damaged");
  refuses("\xFF\xD8\xFF", "damaged");
  refuses(read(kGolden + "rgb.png").replace(0x1D, 1, "x"), "damaged");  // the header's checksum
}

TEST(ImageFile, Names) {
  for (const char* name : {"a.png", "a.PNG", "a/b.JPg", "x.jpeg"}) EXPECT_TRUE(image_file_name(name)) << name;
  for (const char* name : {"a.gif", "png", "a.png.txt", ""}) EXPECT_FALSE(image_file_name(name)) << name;
}

TEST(Exif, ReadsTheOrientationAndNothingBeyondTheFile) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string file = read(kGolden + "turned" + std::to_string(orientation) + ".jpg");
    EXPECT_EQ(jpeg_orientation(bytes(file)), orientation);
    for (size_t cut = 0; cut < 200; ++cut) {
      const std::string part = file.substr(0, cut);
      const int found = jpeg_orientation(bytes(part));
      EXPECT_TRUE(found == 1 || found == orientation);
    }
  }
  const std::string plain = read(kGolden + "rgb.jpg");
  EXPECT_EQ(jpeg_orientation(bytes(plain)), 1);
}

}  // namespace
}  // namespace strata
