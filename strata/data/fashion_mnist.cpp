#include "strata/data/fashion_mnist.h"

#include <ATen/ATen.h>

#include <cstring>
#include <filesystem>

#include "strata/base/error.h"
#include "strata/formats/idx.h"

namespace strata {
namespace {

std::string find_file(const std::string& folder, const std::string& name) {
  const std::string plain = folder + "/" + name;
  std::error_code error;
  for (const std::string& path : {plain, plain + ".gz"})
    if (std::filesystem::exists(path, error)) return path;
  fail(plain, ": no such file, nor ", name,
       ".gz; the folder was expected to hold images and labels in the IDX format of MNIST");
}

IdxArray read_bytes(const std::string& path, size_t rank, const char* what) {
  IdxArray array = read_idx(path);
  if (array.type != IdxType::U8 || array.shape.size() != rank)
    fail(path, ": expected ", what, " as unsigned bytes in ", rank, " dimensions, found ", array.shape.size(),
         " dimensions of type code ", static_cast<int>(array.type));
  return array;
}

}  // namespace

std::vector<std::string> fashion_mnist_classes() {
  return {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"};
}

ImageSet read_mnist_folder(const std::string& folder, const std::string& split) {
  const std::string start = split == "train" ? "train" : "t10k";
  const std::string image_path = find_file(folder, start + "-images-idx3-ubyte");
  const std::string label_path = find_file(folder, start + "-labels-idx1-ubyte");
  const IdxArray images = read_bytes(image_path, 3, "images");
  const IdxArray labels = read_bytes(label_path, 1, "labels");
  const int64_t count = images.shape[0], height = images.shape[1], width = images.shape[2];
  if (count < 1 || height < 1 || width < 1)
    fail(image_path, ": expected at least one pixel, found ", count, " images of ", height, " x ", width);
  if (labels.shape[0] != count)
    fail(label_path, ": expected ", count, " labels, one for each image of ", image_path, ", found ", labels.shape[0]);
  ImageSet set;
  set.pixels = at::empty({count, 1, height, width}, at::kByte);
  std::memcpy(set.pixels.mutable_data_ptr(), images.bytes.data(), images.bytes.size());
  set.labels = at::empty({count}, at::kLong);
  int64_t* out = set.labels.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<int64_t>(labels.bytes[i]);
  return set;
}

}  // namespace strata
