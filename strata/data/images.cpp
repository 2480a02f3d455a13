#include "strata/data/images.h"

#include <ATen/ATen.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/data/fashion_mnist.h"

namespace strata {
namespace {

struct NamedSet {
  std::string_view name;
  std::string_view package;  // of Debian
  std::vector<std::string> (*classes)();
};
constexpr NamedSet kNamedSets[] = {{"fashion-mnist", "dataset-fashion-mnist", fashion_mnist_classes}};
constexpr std::string_view kDebianFolder = "/usr/share/datasets";

std::vector<std::string> numbered_classes(const Tensor& labels) {
  std::vector<std::string> names;
  const int64_t count = labels.max().item<int64_t>() + 1;
  for (int64_t i = 0; i < count; ++i) names.push_back("LABEL_" + std::to_string(i));
  return names;
}

std::string folder_of(const NamedSet& named) {
  const char* chosen = std::getenv("STRATA_DATA");
  const bool ours = chosen != nullptr && *chosen != '\0';
  const std::string folder = (ours ? std::string(chosen) : std::string(kDebianFolder)) + "/" + std::string(named.name);
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return folder;
  if (ours)
    fail("data set '", named.name, "': no folder ", folder,
         ", where STRATA_DATA says it is; unset STRATA_DATA and install Debian's package ", named.package,
         ", or put the data set there");
  fail("data set '", named.name, "': no folder ", folder, "; install it with 'apt-get install ", named.package,
       "', or set STRATA_DATA to the folder that holds ", named.name);
}

}  // namespace

void check_images(const ImageConfig& config) {
  if (config.crop < 0 || config.crop > 1024)
    fail_usage("images: crop must be from 0 to 1024 pixels, got ", config.crop);
  if (!std::isfinite(config.mean) || !std::isfinite(config.std) || config.std <= 0)
    fail_usage("images: expected a finite mean and std above 0, got mean ", config.mean, " and std ", config.std);
}

ImageSet load_images(const std::string& name_or_folder, const std::string& split, int64_t limit) {
  if (split != "train" && split != "test") fail_usage("data: split must be train or test, got '", split, "'");
  if (limit < 0) fail_usage("data: limit must be 0 (all images) or more, got ", limit);
  ImageSet set;
  const NamedSet* named = nullptr;
  std::vector<std::string> names;
  for (const auto& known : kNamedSets) {
    names.emplace_back(known.name);
    if (known.name == name_or_folder) named = &known;
  }
  if (named) {
    set = read_mnist_folder(folder_of(*named), split);
    set.classes = named->classes();
    const int64_t largest = set.labels.max().item<int64_t>();
    if (largest >= std::ssize(set.classes))
      fail("data set '", named->name, "': expected labels below ", set.classes.size(), ", found ", largest,
           "; is this another data set?");
  } else {
    std::error_code error;
    if (!std::filesystem::is_directory(name_or_folder, error))
      fail("data set '", name_or_folder, "': neither a folder nor a known name", suggestion(name_or_folder, names),
           "; known: ", join_names(names));
    set = read_mnist_folder(name_or_folder, split);
    set.classes = numbered_classes(set.labels);
  }
  set.name = name_or_folder;
  if (limit > 0 && limit < set.size()) {
    // Copies, so that the images left out do not stay in memory.
    set.pixels = set.pixels.slice(0, 0, limit).clone();
    set.labels = set.labels.slice(0, 0, limit).clone();
  }
  return set;
}

PixelTable pixel_table(const ImageConfig& config) {
  check_images(config);
  PixelTable table{};
  for (size_t value = 0; value < table.size(); ++value)
    table[value] = static_cast<float>((static_cast<double>(value) / 255 - config.mean) / config.std);
  return table;
}

Tensor normalised(const Tensor& pixels, const ImageConfig& config) {
  if (pixels.scalar_type() != at::kByte)
    fail("images: expected pixels as uint8, got ", c10::toString(pixels.scalar_type()));
  const PixelTable table = pixel_table(config);
  const Tensor in = pixels.contiguous();
  Tensor out = at::empty(in.sizes(), at::kFloat);
  const uint8_t* from = in.const_data_ptr<uint8_t>();
  float* to = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < in.numel(); ++i) to[i] = table[from[i]];
  return out;
}

}  // namespace strata
