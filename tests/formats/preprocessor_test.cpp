#include "strata/formats/preprocessor.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "strata/base/error.h"

namespace strata {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::ThrowsMessage;

Preprocessor read(const char* text, int64_t channels = 3, int64_t side = 224) {
  return preprocessor_from_json(json::parse(text), "p.json", channels, side, side);
}

void refuses(const char* text, const std::string& because) {
  EXPECT_THAT([&] { read(text); }, ThrowsMessage<Error>(AllOf(HasSubstr("p.json"), HasSubstr(because))));
}

TEST(Preprocessor, WhatCheckpointsSay) {
  const Preprocessor plain = read("{}");
  EXPECT_EQ(plain.fit, exact_fit(224, 224));
  EXPECT_EQ(plain.mean, std::vector{0.5});
  // google/vit-base-patch16-224, as of transformers 4.20 and of feature extractors before
  const char* const vit = R"({"do_normalize": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5],
      "image_std": [0.5, 0.5, 0.5], "resample": 2, "size": )";
  EXPECT_EQ(read((vit + std::string(R"({"height": 224, "width": 224}})")).c_str()).fit, exact_fit(224, 224));
  EXPECT_EQ(read((vit + std::string("224}")).c_str()).fit, exact_fit(224, 224));
  // DeiT
  const Preprocessor deit = read(R"({"crop_size": 224, "do_center_crop": true, "resample": 3, "size": 256,
      "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]})");
  EXPECT_EQ(
      deit.fit,
      (ImageFit{.height = 256, .width = 256, .crop_height = 224, .crop_width = 224, .filter = ImageFilter::bicubic}));
  EXPECT_EQ(deit.std[2], 0.225);
  // CLIP
  const Preprocessor clip = read(R"({"crop_size": {"height": 224, "width": 224}, "do_center_crop": true,
      "resample": 3, "size": {"shortest_edge": 224}})");
  EXPECT_EQ(clip.fit.shortest_edge, 224);
  EXPECT_EQ(clip.fit.height, 0);
  EXPECT_EQ(read(R"({"do_resize": false})").fit, ImageFit{});
  EXPECT_EQ(read(R"({"do_normalize": false})").std, std::vector{1.0});
  for (const Preprocessor& each : {plain, deit, clip}) {
    const Preprocessor again = preprocessor_from_json(json(preprocessor_to_json(each, 3)), "again", 3, 224, 224);
    EXPECT_EQ(again.fit, each.fit);
    EXPECT_EQ(again.mean[0], each.mean[0]);
    EXPECT_EQ(again.std.back(), each.std.back());
  }
}

TEST(Preprocessor, RefusesWhatCannotBeFollowed) {
  refuses(R"({"size": {"height": 256, "width": 256}})", "expected images of 224 x 224");
  refuses(R"({"size": {"shortest_edge": 224}})", "without a centre crop");
  refuses(R"({"size": {"height": 224}})", "size");
  refuses(R"({"size": {"longest_edge": 224}})", "size");
  refuses(R"({"size": {"height": 224, "width": 224, "shortest_edge": 224}})", "size");
  refuses(R"({"size": -1})", "size");
  refuses(R"({"size": 1e9})", "size");
  refuses(R"({"size": "big"})", "size");
  refuses(R"({"do_center_crop": true, "crop_size": {"shortest_edge": 224}})", "crop_size");
  refuses(R"({"resample": 1})", "resample");
  refuses(R"({"rescale_factor": 0.5})", "1/255");
  refuses(R"({"image_mean": [0.5, 0.5]})", "image_mean");
  refuses(R"({"image_std": [0.5, 0, 0.5]})", "image_std");
  refuses("[]", "p.json");
}

}  // namespace
}  // namespace strata
