#include "strata/formats/preprocessor.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kMostSide = int64_t{1} << 16;
constexpr double kRescale = 1.0 / 255;

struct Size {
  int64_t height = 0, width = 0, shortest_edge = 0;
};

// 224, {"height": 224, "width": 224} or {"shortest_edge": 224}.
Size read_size(const JsonFields& fields, const char* key, Size fallback) {
  const json* value = fields.find(key);
  if (!value) return fallback;
  if (!value->is_object()) {
    const int64_t side = fields.integer(key, 0, 1, kMostSide);
    return {side, side, 0};
  }
  const JsonFields inner(*value, fields.file() + ": " + key);
  const Size size{inner.integer("height", 0, 1, kMostSide), inner.integer("width", 0, 1, kMostSide),
                  inner.integer("shortest_edge", 0, 1, kMostSide)};
  const bool exact = size.height > 0 && size.width > 0, either = size.height > 0 || size.width > 0;
  if (inner.find("longest_edge") || exact == (size.shortest_edge > 0) || exact != either)
    fields.refuse(key, "{\"height\", \"width\"}, {\"shortest_edge\"} or a whole number");
  return size;
}

ImageFilter read_filter(const JsonFields& fields) {
  const int64_t number = fields.integer("resample", 2, 0, 5);
  for (const ImageFilter known : {ImageFilter::nearest, ImageFilter::bilinear, ImageFilter::bicubic})
    if (number == static_cast<int64_t>(known)) return known;
  fields.refuse("resample", "0 (nearest), 2 (bilinear) or 3 (bicubic)");
}

void read_normalisation(const JsonFields& fields, int64_t channels, Preprocessor& result) {
  if (!fields.boolean("do_rescale", true) || std::abs(fields.number("rescale_factor", kRescale) - kRescale) > 1e-6)
    fail(fields.file(), ": expected pixels to be rescaled by 1/255, found do_rescale false or another rescale_factor");
  if (!fields.boolean("do_normalize", true)) {
    result.mean = {0};
    result.std = {1};
    return;
  }
  result.mean = fields.numbers("image_mean", result.mean);
  result.std = fields.numbers("image_std", result.std);
  const auto fits = [&](const std::vector<double>& values) {
    return values.size() == 1 || std::ssize(values) == channels;
  };
  const std::string expected = "one number, or one for each of " + std::to_string(channels) + " channels";
  if (!fits(result.mean)) fields.refuse("image_mean", expected);
  if (!fits(result.std) || std::any_of(result.std.begin(), result.std.end(), [](double std) { return std <= 0; }))
    fields.refuse("image_std", expected + ", above 0");
}

}  // namespace

Preprocessor preprocessor_from_json(const json& json, const std::string& file, int64_t channels, int64_t height,
                                    int64_t width) {
  const JsonFields fields(json, file);
  Preprocessor result;
  ImageFit& fit = result.fit;
  if (fields.boolean("do_resize", true)) {
    const Size size = read_size(fields, "size", {height, width, 0});
    fit.height = size.height;
    fit.width = size.width;
    fit.shortest_edge = size.shortest_edge;
  }
  fit.filter = read_filter(fields);
  if (fields.boolean("do_center_crop", false)) {
    const Size crop = read_size(fields, "crop_size", {height, width, 0});
    if (crop.shortest_edge > 0) fields.refuse("crop_size", "{\"height\", \"width\"} or a whole number");
    fit.crop_height = crop.height;
    fit.crop_width = crop.width;
  }
  if ((fit.out_height() > 0 || fit.shortest_edge > 0) && (fit.out_height() != height || fit.out_width() != width))
    fail(file, ": expected images of ", height, " x ", width, ", which config.json says the network takes, found ",
         fit.out_height() > 0 ? std::to_string(fit.out_height()) + " x " + std::to_string(fit.out_width())
                              : "a shortest_edge of " + std::to_string(fit.shortest_edge) + " without a centre crop",
         "; set size or crop_size to what the network takes");
  read_normalisation(fields, channels, result);
  return result;
}

ordered_json preprocessor_to_json(const Preprocessor& preprocessor, int64_t channels) {
  const ImageFit& fit = preprocessor.fit;
  const auto per_channel = [&](const std::vector<double>& values) {
    return values.size() == 1 ? std::vector<double>(channels, values.front()) : values;
  };
  const bool resize = fit.height > 0 || fit.shortest_edge > 0;
  ordered_json result;
  if (fit.crop_height > 0) {
    result["crop_size"] = {{"height", fit.crop_height}, {"width", fit.crop_width}};
    result["do_center_crop"] = true;
  }
  result["do_normalize"] = true;
  result["do_rescale"] = true;
  result["do_resize"] = resize;
  result["image_mean"] = per_channel(preprocessor.mean);
  // The plain ViT's processor never crops; those of DeiT and CLIP do, and only CLIP's knows shorter edges.
  result["image_processor_type"] = fit.shortest_edge > 0 ? "CLIPImageProcessor"
                                   : fit.crop_height > 0 ? "DeiTImageProcessor"
                                                         : "ViTImageProcessor";
  result["image_std"] = per_channel(preprocessor.std);
  result["resample"] = static_cast<int>(fit.filter);
  result["rescale_factor"] = kRescale;
  if (fit.shortest_edge > 0)
    result["size"] = {{"shortest_edge", fit.shortest_edge}};
  else if (resize)
    result["size"] = {{"height", fit.height}, {"width", fit.width}};
  return result;
}

}  // namespace strata
