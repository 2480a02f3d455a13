#include "strata/data/cifar.h"

#include <ATen/ATen.h>

#include <filesystem>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/formats/cifar_records.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr int kBatches = 5;  // of CIFAR-10's training images
constexpr uint64_t kMostNames = 1 << 20;

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string batch_file(const std::string& folder, int number) {
  return folder + "/data_batch_" + std::to_string(number) + ".bin";
}

std::vector<std::string> read_names(const std::string& path, int64_t classes) {
  if (exists(path)) return cifar_names(read_text(path, kMostNames), classes, path);
  std::vector<std::string> names;
  for (int64_t i = 0; i < classes; ++i) names.push_back("LABEL_" + std::to_string(i));
  return names;
}

}  // namespace

bool is_cifar_folder(const std::string& folder) {
  for (const char* name : {"data_batch_1.bin", "test_batch.bin", "train.bin", "test.bin"})
    if (exists(folder + "/" + name)) return true;
  return false;
}

ImageSet read_cifar_folder(const std::string& folder, const std::string& split, bool coarse) {
  const bool ten = exists(batch_file(folder, 1)) || exists(folder + "/test_batch.bin");
  if (ten && coarse)
    fail_usage("data set '", folder, "': data.coarse asks for superclasses, but this is CIFAR-10, which has none");
  const CifarKind kind = ten ? kCifar10 : coarse ? kCifar100Coarse : kCifar100Fine;
  std::vector<std::string> paths;
  if (ten && split == "train") {
    for (int i = 1; i <= kBatches; ++i) paths.push_back(batch_file(folder, i));
  } else {
    paths.push_back(folder + (ten ? "/test_batch.bin" : split == "train" ? "/train.bin" : "/test.bin"));
  }
  std::vector<MappedFile> files;
  int64_t count = 0;
  for (const auto& path : paths) {
    files.emplace_back(path);
    count += cifar_images(kind, files.back().bytes().size(), path);
  }
  ImageSet set;
  set.pixels = at::empty({count, kCifarChannels, kCifarSide, kCifarSide}, at::kByte);
  set.labels = at::empty({count}, at::kLong);
  auto* pixels = set.pixels.mutable_data_ptr<uint8_t>();
  int64_t* labels = set.labels.mutable_data_ptr<int64_t>();
  for (const auto& file : files) {
    read_cifar_records(kind, file.bytes(), file.path(), pixels, labels);
    const int64_t images = std::ssize(file.bytes()) / kind.record();
    pixels += images * kCifarPixels;
    labels += images;
  }
  set.classes = read_names(folder + "/" + kind.names, kind.classes);
  return set;
}

}  // namespace strata
