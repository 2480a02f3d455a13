#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace strata {

/// Filters that shrink with antialiasing, by Pillow's numbers in checkpoints: 0 nearest, 2 bilinear, 3 bicubic.
enum class ImageFilter { nearest = 0, bilinear = 2, bicubic = 3 };

/// How an image of any size becomes one of the size a network takes: first resized, then cut out at its centre.
struct ImageFit {
  int64_t height = 0, width = 0;            // resized to exactly this; 0: not
  int64_t shortest_edge = 0;                // in place of it: the shorter side becomes this, the other follows; 0: not
  int64_t crop_height = 0, crop_width = 0;  // what is cut out, black where the image is smaller; 0: all
  ImageFilter filter = ImageFilter::bilinear;

  bool operator==(const ImageFit&) const = default;
  /// Height of what comes out; 0 when that depends on the image.
  int64_t out_height() const { return crop_height > 0 ? crop_height : height; }
  int64_t out_width() const { return crop_width > 0 ? crop_width : width; }
};

/// Stretched to height x width.
inline ImageFit exact_fit(int64_t height, int64_t width) {
  return {.height = height, .width = width};
}

/// What a checkpoint says about its pixels: fitted, divided by 255, then (x - mean) / std.
struct Preprocessor {
  ImageFit fit;
  std::vector<double> mean = {0.5}, std = {0.5};  // one for all channels, or one for each
};

/// Reads preprocessor_config.json (an image processor of Hugging Face transformers, 4 or 5: do_resize, size, resample,
/// do_center_crop, crop_size, do_rescale, rescale_factor, do_normalize, image_mean, image_std). A `size` that is one
/// number is a square; keys that are absent have the defaults of ViTImageProcessor, of which `size` is height x width,
/// what the network takes. Throws Error naming `file` and key for what cannot be followed, and when what comes out is
/// not height x width.
Preprocessor preprocessor_from_json(const nlohmann::json& json, const std::string& file, int64_t channels,
                                    int64_t height, int64_t width);

/// The same for a network of so many channels, as transformers reads it.
nlohmann::ordered_json preprocessor_to_json(const Preprocessor& preprocessor, int64_t channels);

}  // namespace strata
