#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "strata/base/error.h"
#include "strata/data/images.h"
#include "strata/data/loader.h"
#include "tests/data/idx_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

const std::string kGolden = "tests/golden/images/";

// Records of CIFAR: `labels` bytes each, pixel p of image i is i + p / 1024 (its channel).
std::string records(int count, int labels, int first_label = 0) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    for (int k = 0; k < labels; ++k) text += static_cast<char>(first_label + i + 10 * k);
    for (int p = 0; p < 3072; ++p) text += static_cast<char>(i + p / 1024);
  }
  return text;
}

void refuses(const std::string& folder, const std::string& split, const std::string& because,
             const LoadOptions& options = {}) {
  EXPECT_THAT([&] { load_images(folder, split, options); }, ThrowsMessage<Error>(HasSubstr(because)));
}

TEST(Cifar, Ten) {
  const TemporaryFolder folder;
  for (int i = 1; i <= 5; ++i) write_bytes(folder.file("data_batch_" + std::to_string(i) + ".bin"), records(2, 1, i));
  write_bytes(folder.file("test_batch.bin"), records(3, 1));
  const ImageSet train = load_images(folder.path(), "train"), test = load_images(folder.path(), "test");
  EXPECT_EQ(train.pixels.sizes(), (at::IntArrayRef{10, 3, 32, 32}));
  EXPECT_TRUE(at::equal(train.labels, at::tensor({1, 2, 2, 3, 3, 4, 4, 5, 5, 6}, at::kLong)));
  EXPECT_EQ(test.pixels[2][1][31][31].item<int>(), 3);
  EXPECT_EQ(test.classes.at(9), "LABEL_9");
  std::string names;
  for (const char* name : {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"})
    names += std::string(name) + "\r\n";
  write_bytes(folder.file("batches.meta.txt"), names + "\n");
  EXPECT_EQ(load_images(folder.path(), "test").classes.at(9), "truck");
  refuses(folder.path(), "test", "CIFAR-10, which has none", {.coarse = true});
}

TEST(Cifar, HundredWithFineOrCoarseLabels) {
  const TemporaryFolder folder;
  write_bytes(folder.file("train.bin"), records(4, 2, 3));
  write_bytes(folder.file("test.bin"), records(1, 2));
  const ImageSet fine = load_images(folder.path(), "train"),
                 coarse = load_images(folder.path(), "train", {.coarse = true});
  EXPECT_TRUE(at::equal(fine.labels, at::tensor({13, 14, 15, 16}, at::kLong)));
  EXPECT_TRUE(at::equal(coarse.labels, at::tensor({3, 4, 5, 6}, at::kLong)));
  EXPECT_TRUE(at::equal(fine.pixels, coarse.pixels));
  EXPECT_EQ(fine.classes.size(), 100);
  EXPECT_EQ(coarse.classes.size(), 20);
}

TEST(Cifar, DamagedFilesAreNamed) {
  const TemporaryFolder folder;
  write_bytes(folder.file("test_batch.bin"), records(3, 1).substr(1));
  refuses(folder.path(), "test", "test_batch.bin: expected a multiple of 3073");
  write_bytes(folder.file("test_batch.bin"), "");
  refuses(folder.path(), "test", "test_batch.bin");
  write_bytes(folder.file("test_batch.bin"), records(1, 1, 10));
  refuses(folder.path(), "test", "expected a label below 10, found 10");
  refuses(folder.path(), "train", "data_batch_1.bin");
  write_bytes(folder.file("test_batch.bin"), records(1, 1));
  write_bytes(folder.file("batches.meta.txt"), "airplane\n");
  refuses(folder.path(), "test", "expected 10 names");
}

// A folder of two classes: colour for cats, grey for dogs.
class Classes {
 public:
  Classes() {
    for (const char* split : {"train", "val"})
      for (const char* name : {"cat/deep", "dog"}) fs::create_directories(path() + "/" + split + "/" + name);
    put("rgb.png", "train/cat/a.png");
    put("rgb.jpg", "train/cat/deep/b.JPG");
    put("turned6.jpg", "train/cat/c.jpeg");
    put("grey.png", "train/dog/a.png");
    put("grey.jpg", "train/dog/b.jpg");
    put("rgb.png", "val/cat/a.png");
    put("grey.png", "val/dog/a.png");
    write_bytes(path() + "/train/dog/notes.txt", "not an image");
    write_bytes(path() + "/train/dog/.hidden.png", "not an image");
  }
  const std::string& path() const { return folder_.path(); }
  void put(const std::string& golden, const std::string& name) const {
    fs::copy_file(kGolden + golden, path() + "/" + name, fs::copy_options::overwrite_existing);
  }

 private:
  TemporaryFolder folder_;
};

TEST(ImageFolder, ClassesAreFoldersSortedByName) {
  const Classes folder;
  const LoadOptions options{.fit = exact_fit(8, 10), .channels = 3};
  const ImageSet train = load_images(folder.path(), "train", options),
                 test = load_images(folder.path(), "test", options);
  EXPECT_EQ(train.classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_TRUE(at::equal(train.labels.bincount(), at::tensor({3, 2}, at::kLong)));
  EXPECT_EQ(test.size(), 2);
  EXPECT_EQ(shape_of(train), (std::array<int64_t, 3>{3, 8, 10}));
  const Tensor batch = image_batch(train, 0, 5);
  EXPECT_EQ(batch.sizes(), (at::IntArrayRef{5, 3, 8, 10}));
  for (int64_t i = 0; i < 5; ++i) {
    const bool grey = at::equal(batch[i][0], batch[i][1]) && at::equal(batch[i][0], batch[i][2]);
    EXPECT_EQ(grey, train.labels[i].item<int64_t>() == 1) << i;
    EXPECT_TRUE(at::equal(image_batch(slice(train, i, 5), 0, 1)[0], batch[i]));
  }
  EXPECT_TRUE(at::equal(image_batch(train, 0, 5), batch));  // now from memory
  const ImageSet two = load_images(folder.path(), "train", {.limit = 2, .fit = exact_fit(8, 10), .channels = 3});
  EXPECT_TRUE(at::equal(image_batch(two, 0, 2), batch.slice(0, 0, 2)));
  EXPECT_EQ(image_batch(load_images(folder.path(), "train", {.fit = exact_fit(4, 4), .channels = 1}), 0, 5).sizes(),
            (at::IntArrayRef{5, 1, 4, 4}));
}

// What is only to be tested on needs no train/.
TEST(ImageFolder, WithoutImagesToLearnFrom) {
  const Classes folder;
  const LoadOptions options{.fit = exact_fit(8, 10), .channels = 3};
  const ImageSet expected = load_images(folder.path(), "test", options);
  const auto same = [&](const std::string& path) {
    const ImageSet found = load_images(path, "test", options);
    EXPECT_EQ(found.classes, expected.classes) << path;
    EXPECT_TRUE(at::equal(found.labels, expected.labels)) << path;
    EXPECT_TRUE(at::equal(image_batch(found, 0, 2), image_batch(expected, 0, 2))) << path;
    refuses(path, "train", "found no train/", options);
  };
  fs::remove_all(folder.path() + "/train");
  same(folder.path());
  same(folder.path() + "/val");
  fs::rename(folder.path() + "/val", folder.path() + "/test");
  same(folder.path());
  fs::remove_all(folder.path() + "/test/cat");
  EXPECT_EQ(load_images(folder.path(), "test", options).classes, std::vector<std::string>{"dog"});
  fs::remove_all(folder.path() + "/test/dog");
  refuses(folder.path(), "test", "test: expected a folder of images for each class");
}

TEST(ImageFolder, SaysWhatIsWrong) {
  const Classes folder;
  EXPECT_THAT([&] { shape_of(load_images(folder.path(), "train")); },
              ThrowsMessage<Error>(HasSubstr("sizes of their own")));
  fs::create_directory(folder.path() + "/val/cow");
  refuses(folder.path(), "test", "val/cow: no class of that name");
  fs::remove(folder.path() + "/val/cow");
  fs::create_directory(folder.path() + "/train/cow");
  refuses(folder.path(), "train", "train/cow: expected images");
  fs::remove(folder.path() + "/train/cow");
  fs::remove_all(folder.path() + "/val");
  refuses(folder.path(), "test", "neither test/ nor val/");
  const TemporaryFolder flat;
  fs::create_directory(flat.file("cat"));
  refuses(flat.path(), "train", "train/CLASS/");
}

TEST(ImageFolder, ADamagedImageStopsTheLoaderAndIsNamed) {
  const Classes folder;
  write_bytes(folder.path() + "/train/dog/b.jpg", "\xFF\xD8\xFF garbage");
  const ImageSet set = load_images(folder.path(), "train", {.fit = exact_fit(8, 8), .channels = 3});
  for (const int threads : {0, 2}) {
    ImageLoader loader(set, {}, 5, 1, 0, threads);
    EXPECT_THAT([&] { loader.next(); }, ThrowsMessage<Error>(HasSubstr("train/dog/b.jpg: damaged")));
  }
  EXPECT_THAT([&] { image_batch(set, 0, 5); }, ThrowsMessage<Error>(HasSubstr("train/dog/b.jpg")));
  fs::remove(folder.path() + "/train/dog/b.jpg");
  EXPECT_THAT([&] { image_batch(set, 0, 5); }, ThrowsMessage<Error>(HasSubstr("train/dog/b.jpg")));
}

TEST(ImageFolder, IdentityFollowsNames) {
  const Classes folder;
  const auto identity = [&] { return load_images(folder.path(), "train").source->identity(); };
  const std::string before = identity();
  folder.put("rgb.png", "train/dog/a.png");  // copied again
  EXPECT_EQ(identity(), before);
  folder.put("rgb.png", "train/dog/new.png");
  EXPECT_NE(identity(), before);
}

TEST(ImageFolder, BatchesDoNotDependOnThreadsOrMemory) {
  const Classes folder;
  const ImageConfig config{
      .resized_crop = true, .flip = true, .rand_augment = 2, .erase = 0.5, .mixup = 0.8, .cutmix = 1};
  const auto load = [&] { return load_images(folder.path(), "train", {.fit = exact_fit(16, 12), .channels = 3}); };
  std::vector<ImageBatch> expected;
  expected.reserve(6);
  for (int64_t step = 0; step < 6; ++step) expected.push_back(make_batch(load(), config, 4, 7, step));
  for (const int threads : {0, 1, 3}) {
    ImageLoader loader(load(), config, 4, 7, 0, threads);
    for (const auto& wanted : expected) {
      const ImageBatch found = loader.next();
      EXPECT_TRUE(at::equal(found.pixels, wanted.pixels));
      EXPECT_TRUE(at::equal(found.labels, wanted.labels));
      EXPECT_EQ(found.share, wanted.share);
    }
  }
}

}  // namespace
}  // namespace strata
