#include "strata/data/images.h"

#include <ATen/ATen.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/base/threads.h"
#include "strata/data/cifar.h"
#include "strata/data/fashion_mnist.h"
#include "strata/data/image_folder.h"
#include "strata/data/resize.h"

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

bool is_mnist_folder(const std::string& folder) {
  for (const char* name : {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"})
    for (const char* end : {"", ".gz"}) {
      std::error_code error;
      if (std::filesystem::exists(folder + "/" + name + end, error)) return true;
    }
  return false;
}

ImageSet read_folder(const std::string& folder, const std::string& split, bool coarse) {
  if (is_cifar_folder(folder)) return read_cifar_folder(folder, split, coarse);
  if (coarse) fail_usage("data set '", folder, "': data.coarse asks for superclasses, which only CIFAR-100 has");
  if (is_mnist_folder(folder)) {
    ImageSet set = read_mnist_folder(folder, split);
    set.classes = numbered_classes(set.labels);
    return set;
  }
  if (is_image_folder(folder)) return read_image_folder(folder, split);
  fail(
      "data set '", folder,
      "': expected images in train/CLASS/ and test/CLASS/, or the files of MNIST (train-images-idx3-ubyte, "
      "t10k-images-idx3-ubyte, ...) or of CIFAR's binary version (data_batch_1.bin, ... or train.bin, test.bin); found "
      "none of these");
}

void check_probability(const char* key, double value) {
  if (!(value >= 0 && value <= 1)) fail_usage("images: expected ", key, " from 0 to 1, got ", value);
}

void check_interval(const char* key, const std::vector<double>& values, double most) {
  if (values.size() != 2 || !(values[0] > 0) || !(values[0] <= values[1]) || !(values[1] <= most))
    fail_usage("images: expected ", key, " as [from, to] with 0 < from <= to <= ", most, ", got ",
               c10::ArrayRef<double>(values));
}

bool unchanged(const ImageSet& set) {
  return !set.source && set.fit == ImageFit{} && (set.channels == 0 || set.channels == set.pixels.size(1));
}

}  // namespace

void check_images(const ImageConfig& config) {
  if (config.crop < 0 || config.crop > 1024)
    fail_usage("images: crop must be from 0 to 1024 pixels, got ", config.crop);
  if (config.mean.empty() || config.std.empty())
    fail_usage("images: expected a mean and a std, one for all channels or one for each");
  for (const double mean : config.mean)
    if (!std::isfinite(mean)) fail_usage("images: expected a finite mean, got ", mean);
  for (const double std : config.std)
    if (!std::isfinite(std) || std <= 0) fail_usage("images: expected a finite std above 0, got ", std);
  check_interval("crop_scale", config.crop_scale, 1);
  check_interval("crop_ratio", config.crop_ratio, 1000);
  if (config.rand_augment < 0 || config.rand_augment > 100)
    fail_usage("images: expected rand_augment from 0 to 100 operations, got ", config.rand_augment);
  if (!(config.magnitude >= 0 && config.magnitude <= 30))
    fail_usage("images: expected magnitude from 0 to 30, got ", config.magnitude);
  check_probability("erase", config.erase);
  check_probability("mix_prob", config.mix_prob);
  check_probability("switch_prob", config.switch_prob);
  for (const double alpha : {config.mixup, config.cutmix})
    if (!(alpha >= 0 && alpha <= 1000))
      fail_usage("images: expected mixup and cutmix (alpha of a Beta distribution) from 0 to 1000, got ", alpha);
  if (config.repeats < 1 || config.repeats > 1024)
    fail_usage("images: expected repeats from 1 to 1024, got ", config.repeats);
}

ImageSet load_images(const std::string& name_or_folder, const std::string& split, const LoadOptions& options) {
  if (split != "train" && split != "test") fail_usage("data: split must be train or test, got '", split, "'");
  if (options.limit < 0) fail_usage("data: limit must be 0 (all images) or more, got ", options.limit);
  ImageSet set;
  const NamedSet* named = nullptr;
  std::vector<std::string> names;
  for (const auto& known : kNamedSets) {
    names.emplace_back(known.name);
    if (known.name == name_or_folder) named = &known;
  }
  if (named) {
    if (options.coarse)
      fail_usage("data set '", named->name, "': data.coarse asks for superclasses, which only CIFAR-100 has");
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
    set = read_folder(name_or_folder, split, options.coarse);
  }
  set.name = name_or_folder;
  set.channels = options.channels;
  if (options.limit > 0 && options.limit < set.size()) {
    set = slice(set, 0, options.limit);
    // Copies, so that the images left out do not stay in memory.
    if (set.pixels.defined()) set.pixels = set.pixels.clone();
    set.labels = set.labels.clone();
  }
  // Images that already fit need no looking at.
  const bool fits = !set.source && options.fit == exact_fit(set.pixels.size(2), set.pixels.size(3));
  if (!fits) set.fit = options.fit;
  return set;
}

std::array<int64_t, 3> shape_of(const ImageSet& set) {
  if (set.fit.out_height() == 0 && (set.source || set.fit.shortest_edge > 0))
    fail("data set '", set.name, "': its images have sizes of their own; expected a size for all of them");
  int64_t channels = set.channels;
  if (channels == 0) channels = set.source ? set.source->at(set.offset).size(0) : set.pixels.size(1);
  if (set.fit.out_height() > 0) return {channels, set.fit.out_height(), set.fit.out_width()};
  return {channels, set.pixels.size(2), set.pixels.size(3)};
}

Tensor stored_image(const ImageSet& set, int64_t index) {
  const Tensor image = set.source ? set.source->at(set.offset + index) : set.pixels.select(0, index);
  return set.channels == 0 ? image : with_channels(image, set.channels);
}

Tensor image_batch(const ImageSet& set, int64_t first, int64_t end) {
  if (unchanged(set)) return set.pixels.slice(0, first, end);
  const auto [channels, height, width] = shape_of(set);
  Tensor out = at::empty({end - first, channels, height, width}, at::kByte);
  const int64_t numbers = channels * height * width;
  auto* to = out.mutable_data_ptr<uint8_t>();
  parallel_for(end - first, 1, [&, channels = channels](int64_t begin, int64_t stop, int) {
    for (int64_t i = begin; i < stop; ++i) {
      const Tensor image = fitted(stored_image(set, first + i), set.fit).contiguous();
      if (image.numel() != numbers || image.size(0) != channels)
        fail("data set '", set.name, "': image ", first + i, " has ", image.size(0), " channels, others have ",
             channels, "; say how many are wanted");
      std::copy_n(image.const_data_ptr<uint8_t>(), numbers, to + i * numbers);
    }
  });
  return out;
}

ImageSet slice(const ImageSet& set, int64_t first, int64_t end) {
  ImageSet part = set;
  if (set.pixels.defined()) part.pixels = set.pixels.slice(0, first, end);
  part.labels = set.labels.slice(0, first, end);
  part.offset += first;
  return part;
}

std::vector<PixelTable> pixel_tables(const ImageConfig& config, int64_t channels) {
  check_images(config);
  for (const auto* values : {&config.mean, &config.std})
    if (values->size() != 1 && std::ssize(*values) != channels)
      fail_usage("images: expected mean and std as one number or one for each of ", channels, " channels, got ",
                 values->size());
  std::vector<PixelTable> tables(channels);
  for (int64_t channel = 0; channel < channels; ++channel) {
    const double mean = config.mean[config.mean.size() > 1 ? channel : 0];
    const double std = config.std[config.std.size() > 1 ? channel : 0];
    for (size_t value = 0; value < tables[channel].size(); ++value)
      tables[channel][value] = static_cast<float>((static_cast<double>(value) / 255 - mean) / std);
  }
  return tables;
}

Tensor normalised(const Tensor& pixels, const ImageConfig& config) {
  if (pixels.scalar_type() != at::kByte || pixels.dim() != 4)
    fail("images: expected pixels as uint8 [n, channels, height, width], got ", c10::toString(pixels.scalar_type()),
         " ", pixels.sizes());
  const int64_t channels = pixels.size(1), numbers = pixels.size(2) * pixels.size(3);
  const std::vector<PixelTable> tables = pixel_tables(config, channels);
  const Tensor in = pixels.contiguous();
  Tensor out = at::empty(in.sizes(), at::kFloat);
  const uint8_t* from = in.const_data_ptr<uint8_t>();
  float* to = out.mutable_data_ptr<float>();
  for (int64_t plane = 0; plane < in.size(0) * channels; ++plane) {
    const PixelTable& table = tables[plane % channels];
    for (int64_t i = 0; i < numbers; ++i) *to++ = table[*from++];
  }
  return out;
}

}  // namespace strata
