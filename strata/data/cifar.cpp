#include "strata/data/cifar.h"

#include <ATen/ATen.h>

#include <cstring>
#include <filesystem>

#include "strata/base/error.h"
#include "strata/base/file.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSide = 32, kChannels = 3, kImageBytes = kChannels * kSide * kSide;
constexpr int kBatches = 5;  // of CIFAR-10's training images
constexpr uint64_t kMostNames = 1 << 20;

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string batch_file(const std::string& folder, int number) {
  return folder + "/data_batch_" + std::to_string(number) + ".bin";
}

// What the records of a file look like and which of its labels is read.
struct Kind {
  int64_t label_bytes, label_at, classes;
  const char* names;
};
constexpr Kind kTen{1, 0, 10, "batches.meta.txt"}, kCoarse{2, 0, 20, "coarse_label_names.txt"},
    kFine{2, 1, 100, "fine_label_names.txt"};

std::vector<std::string> read_names(const std::string& path, int64_t classes) {
  std::vector<std::string> names;
  if (exists(path)) {
    const std::string text = read_text(path, kMostNames);
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      std::string line = text.substr(at, end - at);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) names.push_back(std::move(line));
      at = end + 1;
    }
    if (std::ssize(names) != classes)
      fail(path, ": expected ", classes, " names, one in each line, found ", names.size());
  } else {
    for (int64_t i = 0; i < classes; ++i) names.push_back("LABEL_" + std::to_string(i));
  }
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
  const Kind kind = ten ? kTen : coarse ? kCoarse : kFine;
  std::vector<std::string> paths;
  if (ten && split == "train") {
    for (int i = 1; i <= kBatches; ++i) paths.push_back(batch_file(folder, i));
  } else {
    paths.push_back(folder + (ten ? "/test_batch.bin" : split == "train" ? "/train.bin" : "/test.bin"));
  }
  const int64_t record = kind.label_bytes + kImageBytes;
  std::vector<MappedFile> files;
  int64_t count = 0;
  for (const auto& path : paths) {
    files.emplace_back(path);
    const auto bytes = std::ssize(files.back().bytes());
    if (bytes == 0 || bytes % record != 0)
      fail(path, ": expected a multiple of ", record, " bytes (", kind.label_bytes,
           " of labels and 3 x 32 x 32 pixels for each image), found ", bytes,
           "; is it complete, and the binary version of CIFAR?");
    count += bytes / record;
  }
  ImageSet set;
  set.pixels = at::empty({count, kChannels, kSide, kSide}, at::kByte);
  set.labels = at::empty({count}, at::kLong);
  auto* pixels = set.pixels.mutable_data_ptr<uint8_t>();
  int64_t* labels = set.labels.mutable_data_ptr<int64_t>();
  for (const auto& file : files)
    for (int64_t at = 0; at < std::ssize(file.bytes()); at += record) {
      const std::byte* from = file.bytes().data() + at;
      *labels = std::to_integer<int64_t>(from[kind.label_at]);
      if (*labels >= kind.classes)
        fail(file.path(), ": image ", at / record, ": expected a label below ", kind.classes, ", found ", *labels);
      ++labels;
      std::memcpy(pixels, from + kind.label_bytes, kImageBytes);
      pixels += kImageBytes;
    }
  set.classes = read_names(folder + "/" + kind.names, kind.classes);
  return set;
}

}  // namespace strata
