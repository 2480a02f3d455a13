#include "strata/data/rand_augment.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>

#include "strata/data/image_folder.h"
#include "strata/models/tensor_file.h"

namespace strata {
namespace {

const std::string kGolden = "tests/golden/images/";

const std::map<std::string, ImageOperation> kNames{
    {"shear_x", ImageOperation::shear_x},         {"shear_y", ImageOperation::shear_y},
    {"translate_x", ImageOperation::translate_x}, {"translate_y", ImageOperation::translate_y},
    {"rotate", ImageOperation::rotate},           {"brightness", ImageOperation::brightness},
    {"colour", ImageOperation::colour},           {"contrast", ImageOperation::contrast},
    {"sharpness", ImageOperation::sharpness},     {"posterize", ImageOperation::posterize},
    {"solarize", ImageOperation::solarize},       {"autocontrast", ImageOperation::autocontrast},
    {"equalize", ImageOperation::equalize}};

Tensor applied(ImageOperation operation, double level, const Tensor& image) {
  Tensor out = image.clone();
  apply(operation, level, out.mutable_data_ptr<uint8_t>(), out.size(0), out.size(1), out.size(2));
  return out;
}

// Every operation against Pillow. Rotation and shearing pick the nearest pixel; Pillow does so in 16.16 fixed point, so
// that a point on the border between two may go to the other.
TEST(RandAugment, OperationsAsPillowDoes) {
  const auto golden = load_tensors(kGolden + "expected.safetensors");
  const Tensor image = read_image(kGolden + "rgb.png");
  std::map<std::string, int> seen;
  for (const auto& [key, expected] : golden) {
    if (!key.starts_with("op/")) continue;
    const size_t slash = key.rfind('/');
    const std::string name = key.substr(3, slash - 3);
    const bool dim = name == "autocontrast" || name == "equalize";
    const Tensor found = applied(kNames.at(name), std::stod(key.substr(slash + 1)), dim ? golden.at("dim") : image);
    const Tensor off = (found.to(at::kInt) - expected.to(at::kInt)).abs() > 1;
    const bool geometric = kNames.at(name) <= ImageOperation::rotate;
    EXPECT_LE(off.sum().item<int64_t>(), geometric ? image.numel() / 100 : 0) << key;
    ++seen[name];
  }
  EXPECT_EQ(std::ssize(seen), kImageOperations - 1);
  EXPECT_TRUE(at::equal(applied(ImageOperation::identity, 1, image), image));
}

TEST(RandAugment, LevelZeroChangesNothing) {
  const Tensor image = read_image(kGolden + "rgb.png"), grey = read_image(kGolden + "grey.png");
  for (const auto& [name, operation] : kNames) {
    if (name == "autocontrast" || name == "equalize") continue;  // know no level
    const Tensor expected = name == "solarize" ? at::where(image == 255, 0, image).to(at::kByte) : image;
    EXPECT_TRUE(at::equal(applied(operation, 0, image), expected)) << name;
  }
  EXPECT_TRUE(at::equal(applied(ImageOperation::colour, 0.8, grey), grey));
}

TEST(RandAugment, FlatImagesSurvive) {
  for (const int64_t side : {1, 2, 5})
    for (const auto& [name, operation] : kNames) {
      const Tensor flat = at::full({3, side, side}, 77, at::kByte);
      const Tensor out = applied(operation, 0.5, flat);
      if (name == "autocontrast" || name == "equalize" || name == "sharpness" || name == "contrast")
        EXPECT_TRUE(at::equal(out, flat)) << name;
    }
}

TEST(RandAugment, DrawsAreAFunctionOfTheStream) {
  const Tensor image = read_image(kGolden + "rgb.png");
  const auto made = [&](uint64_t seed) {
    Tensor out = image.clone();
    rand_augment(2, 9, out.mutable_data_ptr<uint8_t>(), 3, out.size(1), out.size(2), Random(seed));
    return out;
  };
  int different = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    EXPECT_TRUE(at::equal(made(seed), made(seed)));
    different += !at::equal(made(seed), image);
  }
  EXPECT_GT(different, 30);
}

}  // namespace
}  // namespace strata
