#include "strata/data/images.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "strata/base/error.h"
#include "tests/data/idx_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Images, ReadsAFolderInTheFormatOfMnist) {
  const TemporaryFolder folder;
  write_mnist_folder(folder.path(), 12);
  const ImageSet set = load_images(folder.path(), "test");
  EXPECT_EQ(set.pixels.sizes(), (at::IntArrayRef{12, 1, 3, 2}));
  EXPECT_EQ(set.pixels[2][0][1][1].item<int>(), 35);
  EXPECT_EQ(set.labels[11].item<int64_t>(), 1);
  EXPECT_EQ(set.classes.size(), 10);
  EXPECT_EQ(load_images(folder.path(), "train", {.limit = 5}).size(), 5);
  EXPECT_EQ(load_images(folder.path(), "train", {.limit = 50}).size(), 12);
}

TEST(Images, FashionMnistAsDebianShipsIt) {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    GTEST_SKIP() << "needs the package dataset-fashion-mnist";
  const ImageSet set = load_images("fashion-mnist", "test");
  EXPECT_EQ(set.pixels.sizes(), (at::IntArrayRef{10000, 1, 28, 28}));
  EXPECT_TRUE(at::equal(set.labels.bincount(), at::full({10}, 1000, at::kLong)));
  EXPECT_EQ(set.classes.at(set.labels[0].item<int64_t>()), "Ankle boot");
  EXPECT_EQ(set.classes.at(set.labels[1].item<int64_t>()), "Pullover");
}

TEST(Images, SaysWhatIsMissingAndHowToGetIt) {
  const TemporaryFolder folder;
  const Environment data("STRATA_DATA", folder.path());
  EXPECT_THAT([] { load_images("fashion-mnist", "test"); },
              ThrowsMessage<Error>(AllOf(HasSubstr(folder.path() + "/fashion-mnist"), HasSubstr("STRATA_DATA"),
                                         HasSubstr("dataset-fashion-mnist"))));
  EXPECT_THAT([] { load_images("fashon-mnist", "test"); },
              ThrowsMessage<Error>(HasSubstr("did you mean 'fashion-mnist'")));
  EXPECT_THAT([&] { load_images(folder.path(), "test"); }, ThrowsMessage<Error>(HasSubstr("t10k-images-idx3-ubyte")));
  EXPECT_THROW(load_images("fashion-mnist", "valid"), UsageError);
  EXPECT_THROW(load_images("fashion-mnist", "test", {.limit = -1}), UsageError);

  std::filesystem::create_directory(folder.path() + "/fashion-mnist");
  write_mnist_folder(folder.path() + "/fashion-mnist", 11);
  EXPECT_EQ(load_images("fashion-mnist", "test").classes.front(), "T-shirt/top");
}

TEST(Images, RefusesDamagedFiles) {
  const TemporaryFolder folder;
  const std::string images = folder.path() + "/train-images-idx3-ubyte",
                    labels = folder.path() + "/train-labels-idx1-ubyte";
  const auto refuses = [&](const std::string& because) {
    EXPECT_THAT([&] { load_images(folder.path(), "train"); }, ThrowsMessage<Error>(HasSubstr(because)));
  };
  const std::string good_images = idx_bytes({2, 3, 2}, std::string(12, 'x'));
  write_bytes(labels, idx_bytes({2}, std::string(2, '\1')));
  for (size_t cut = 0; cut < good_images.size(); ++cut) {
    write_bytes(images, good_images.substr(0, cut));
    refuses("train-images");
  }
  write_bytes(images, idx_bytes({12}, std::string(12, 'x')));
  refuses("3 dimensions");
  write_bytes(images, idx_bytes({0, 3, 2}, ""));
  refuses("at least one pixel");
  write_bytes(images, good_images);
  write_bytes(labels, idx_bytes({3}, std::string(3, '\1')));
  refuses("expected 2 labels");
  write_bytes(labels, idx_bytes({2}, std::string(2, '\1')));
  EXPECT_EQ(load_images(folder.path(), "train").size(), 2);
}

TEST(Images, NormalisesEveryValue) {
  const Tensor pixels = at::arange(256, at::kByte).view({1, 1, 16, 16});
  const ImageConfig config{.mean = {0.25}, .std = {0.5}};
  const Tensor expected = ((pixels.to(at::kDouble) / 255 - 0.25) / 0.5).to(at::kFloat);
  EXPECT_TRUE(at::equal(normalised(pixels, config), expected));
  EXPECT_TRUE(at::equal(normalised(pixels.transpose(2, 3), config), expected.transpose(2, 3)));
  EXPECT_THROW(normalised(pixels.to(at::kFloat), config), Error);
  EXPECT_THROW(normalised(pixels, {.std = {0}}), UsageError);
}

}  // namespace
}  // namespace strata
