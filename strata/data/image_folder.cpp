#include "strata/data/image_folder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <span>

#include "strata/base/checksum.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"
#include "strata/formats/image_file.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostFile = uint64_t{256} << 20;  // bytes of one image file
constexpr int64_t kMostKept = int64_t{512} << 20;    // bytes of decoded images

class ImageFiles final : public ImageSource {
 public:
  ImageFiles(std::vector<ImageFile> files, int64_t most_kept)
      : files_(std::move(files)), kept_(files_.size()), room_(most_kept) {}

  Tensor at(int64_t index) const override {
    {
      const std::lock_guard lock(mutex_);
      if (kept_.at(index).defined()) return kept_[index];
    }
    Tensor image = read_image(files_[index].path);
    const std::lock_guard lock(mutex_);
    if (image.numel() <= room_ && !kept_[index].defined()) {
      room_ -= image.numel();
      kept_[index] = image;
    }
    return image;
  }

  std::string identity() const override {
    std::string all;
    for (const auto& file : files_) all += file.name + "\n";
    return checksum(all);
  }

 private:
  std::vector<ImageFile> files_;
  mutable std::mutex mutex_;
  mutable std::vector<Tensor> kept_;
  mutable int64_t room_;
};

bool hidden(const fs::path& path) {
  return path.filename().string().starts_with(".");
}

// What a link points to counts. A link to nothing, or to itself, is an image or a class that got lost.
bool is(const fs::directory_entry& entry, fs::file_type wanted) {
  std::error_code error;
  const fs::file_status status = entry.status(error);
  if (error) fail(entry.path().string(), ": cannot be read: ", error.message(), "; mend or remove this link");
  return status.type() == wanted;
}

std::vector<std::string> class_folders(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (!hidden(at->path()) && is(*at, fs::file_type::directory)) names.push_back(at->path().filename().string());
  if (error) fail(folder, ": cannot be read: ", error.message());
  std::sort(names.begin(), names.end());
  return names;
}

// Files below a class's folder, links to folders not followed.
std::vector<ImageFile> files_below(const std::string& folder, const std::string& name) {
  std::vector<ImageFile> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (hidden(at->path()) || !image_file_name(at->path().string()) || !is(*at, fs::file_type::regular)) continue;
    files.push_back({at->path().string(), name + at->path().string().substr(folder.size())});
  }
  if (error) fail(folder, ": cannot be read: ", error.message());
  return files;
}

bool has(const std::string& folder, const char* name) {
  std::error_code error;
  return fs::is_directory(folder + "/" + name, error);
}

// Whether some folder in it holds images.
bool holds_classes(const std::string& folder) {
  std::error_code error;
  for (const auto& name : class_folders(folder))
    for (fs::directory_iterator at(fs::path(folder) / name, error), end; !error && at != end; at.increment(error))
      if (!hidden(at->path()) && image_file_name(at->path().string())) return true;
  return false;
}

// Without train/ there is nothing to learn from, but something to be tested on: test/, val/, or the folder itself.
std::string split_folder(const std::string& folder, const std::string& split) {
  if (split == "train") {
    if (has(folder, "train")) return folder + "/train";
    fail(folder, ": expected images to learn from in train/CLASS/, found no train/");
  }
  for (const char* name : {"test", "val"})
    if (has(folder, name)) return folder + "/" + name;
  if (!has(folder, "train")) return folder;
  fail(folder, ": found train/ but neither test/ nor val/; put images to test with into test/CLASS/");
}

}  // namespace

std::shared_ptr<const ImageSource> image_files(std::vector<ImageFile> files, int64_t most_kept) {
  return std::make_shared<ImageFiles>(std::move(files), most_kept);
}

Tensor read_image(const std::string& path) {
  const std::string file = read_text(path, kMostFile);
  const DecodedImage image = decode_image(std::as_bytes(std::span(file)), path);
  Tensor pixels = at::empty({image.channels, image.height, image.width}, at::kByte);
  std::memcpy(pixels.mutable_data_ptr(), image.pixels.data(), image.pixels.size());
  return pixels;
}

bool is_image_folder(const std::string& folder) {
  return has(folder, "train") || has(folder, "test") || has(folder, "val") || holds_classes(folder);
}

ImageSet read_image_folder(const std::string& folder, const std::string& split) {
  const std::string from = split_folder(folder, split), named_by = has(folder, "train") ? folder + "/train" : from;
  ImageSet set;
  set.classes = class_folders(named_by);
  if (set.classes.empty())
    fail(named_by, ": expected a folder of images for each class, found none; move the images into ", named_by,
         "/CLASS/");
  struct Item {
    std::string place;  // in the order
    ImageFile file;
    int64_t label;
  };
  std::vector<Item> items;
  for (const auto& name : class_folders(from)) {
    const auto known = std::lower_bound(set.classes.begin(), set.classes.end(), name);
    if (known == set.classes.end() || *known != name)
      fail(from, "/", name, ": no class of that name in ", folder, "/train; training knows ",
           join_names(set.classes, 5));
    auto files = files_below((fs::path(from) / name).string(), name);
    if (files.empty())
      fail(from, "/", name, ": expected images (.png, .jpg, .jpeg), found none; add some or remove the folder");
    for (auto& file : files) items.push_back({checksum(file.name), std::move(file), known - set.classes.begin()});
  }
  if (items.empty()) fail(from, ": expected a folder of images for each class, found none");
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.place < b.place; });
  set.labels = at::empty({std::ssize(items)}, at::kLong);
  std::vector<ImageFile> files;
  for (auto& item : items) {
    set.labels.mutable_data_ptr<int64_t>()[files.size()] = item.label;
    files.push_back(std::move(item.file));
  }
  set.source = image_files(std::move(files), kMostKept);
  return set;
}

}  // namespace strata
