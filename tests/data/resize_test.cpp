#include "strata/data/resize.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "strata/base/error.h"
#include "strata/data/image_folder.h"
#include "strata/models/tensor_file.h"

namespace strata {
namespace {

const std::string kGolden = "tests/golden/images/";  // images_golden.py: Pillow 13.0

int64_t distance(const Tensor& a, const Tensor& b) {
  if (a.sizes() != b.sizes()) return 1000;
  return (a.to(at::kInt) - b.to(at::kInt)).abs().max().item<int64_t>();
}

// Every kind of PNG and JPEG comes out as Pillow reads it.
TEST(ReadImage, AsPillowDoes) {
  int files = 0;
  for (const auto& [name, expected] : load_tensors(kGolden + "expected.safetensors")) {
    if (!name.starts_with("decode/")) continue;
    ++files;
    EXPECT_LE(distance(read_image(kGolden + name.substr(7)), expected), name.ends_with(".jpg") ? 1 : 0) << name;
  }
  EXPECT_EQ(files, 22);
}

TEST(ReadImage, GreyAndColour) {
  const auto golden = load_tensors(kGolden + "expected.safetensors");
  const Tensor colour = read_image(kGolden + "rgb.png"), grey = read_image(kGolden + "grey.png");
  EXPECT_TRUE(at::equal(with_channels(colour, 1), golden.at("grey_of_rgb")));
  EXPECT_TRUE(at::equal(with_channels(grey, 3), grey.expand({3, -1, -1})));
  EXPECT_TRUE(at::equal(with_channels(colour, 3), colour));
  EXPECT_THROW(with_channels(colour, 4), Error);
}

TEST(Resize, AsPillowDoes) {
  const auto golden = load_tensors(kGolden + "expected.safetensors");
  const Tensor colour = read_image(kGolden + "rgb.png");
  int sizes = 0;
  for (const auto& [name, filter] : {std::pair{"nearest", ImageFilter::nearest},
                                     {"bilinear", ImageFilter::bilinear},
                                     {"bicubic", ImageFilter::bicubic}})
    for (const auto& [key, expected] : golden) {
      if (!key.starts_with(std::string("resize/") + name + "/")) continue;
      ++sizes;
      const Tensor found = resize(colour, expected.size(1), expected.size(2), filter);
      EXPECT_LE(distance(found, expected), 1) << key;
    }
  EXPECT_EQ(sizes, 15);
  const Tensor& grey = golden.at("resize/grey/9x14");
  EXPECT_LE(distance(resize(read_image(kGolden + "grey.png"), 9, 14, ImageFilter::bilinear), grey), 1);
}

// However small: a flat image stays flat, whatever the path that computes it.
TEST(Resize, EverySizeOfFlatImages) {
  for (const int64_t channels : {1, 2, 3})
    for (int64_t sizes = 0; sizes < 256; ++sizes) {
      const int64_t height = 1 + sizes % 4, width = 1 + sizes / 4 % 4, rows = 1 + sizes / 16 % 4,
                    columns = 1 + sizes / 64;
      const Tensor image = at::arange(channels, at::kByte).add(50).view({channels, 1, 1});
      for (const auto filter : {ImageFilter::nearest, ImageFilter::bilinear, ImageFilter::bicubic})
        ASSERT_TRUE(at::equal(resize(image.expand({channels, height, width}).contiguous(), rows, columns, filter),
                              image.expand({channels, rows, columns})))
            << channels << " channels, " << height << "x" << width << " to " << rows << "x" << columns;
    }
}

TEST(Resize, FitsAsTheProcessorsOfTransformersDo) {
  const Tensor image = at::arange(6 * 9, at::kByte).view({1, 6, 9});
  const auto fit = [&](const ImageFit& how) { return fitted(image, how); };
  EXPECT_TRUE(at::equal(fit({}), image));
  EXPECT_TRUE(at::equal(fit(exact_fit(6, 9)), image));
  EXPECT_EQ(fit(exact_fit(4, 4)).sizes(), (at::IntArrayRef{1, 4, 4}));
  EXPECT_EQ(fit({.shortest_edge = 4}).sizes(), (at::IntArrayRef{1, 4, 6}));
  EXPECT_EQ(fit({.shortest_edge = 5}).sizes(), (at::IntArrayRef{1, 5, 7}));  // 7.5 is cut off
  EXPECT_TRUE(at::equal(fit({.crop_height = 3, .crop_width = 4}), image.slice(1, 1, 4).slice(2, 2, 6)));
  const Tensor padded = fit({.crop_height = 8, .crop_width = 9});
  EXPECT_TRUE(at::equal(padded.slice(1, 1, 7), image));
  EXPECT_EQ(padded.select(1, 0).sum().item<int64_t>() + padded.select(1, 7).sum().item<int64_t>(), 0);
  EXPECT_THROW(resize(image, 0, 3, ImageFilter::bilinear), Error);
  EXPECT_THROW(resize(image.to(at::kFloat), 2, 3, ImageFilter::bilinear), Error);
}

}  // namespace
}  // namespace strata
