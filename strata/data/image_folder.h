#pragma once

#include "strata/data/images.h"

namespace strata {

/// Whether a folder holds a folder "train".
bool is_image_folder(const std::string& folder);

/// A split of images in one folder for each class: train/CLASS/**.png, .jpg, .jpeg, and test/ or val/ for "test" (the
/// layout of torchvision's ImageFolder). Classes are the folders of train/, sorted by name, for both splits. Images
/// stand in an order that depends on their names alone and mixes the classes, so that the first so many are a fair
/// sample. They are decoded when asked for (image_file.h), and kept while there is room. Throws Error for a missing
/// split, a class that training does not know, and classes without images.
ImageSet read_image_folder(const std::string& folder, const std::string& split);

/// Images of files, decoded when asked for, each kept in memory as long as all kept ones take at most `most_kept`
/// bytes; `names` are for identity().
struct ImageFile {
  std::string path;
  std::string name;
};
std::shared_ptr<const ImageSource> image_files(std::vector<ImageFile> files, int64_t most_kept);

/// One image file: uint8 [channels, height, width].
Tensor read_image(const std::string& path);

}  // namespace strata
