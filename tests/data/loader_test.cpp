#include "strata/data/loader.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "strata/base/error.h"
#include "strata/data/augment.h"

namespace strata {
namespace {

// Image i is filled with i + 1 and labelled i.
ImageSet numbered_set(int64_t count, int64_t height = 4, int64_t width = 5) {
  const Tensor values = (at::arange(count, at::kLong) + 1).to(at::kByte);
  return {.pixels = values.view({count, 1, 1, 1}).expand({count, 2, height, width}).contiguous(),
          .labels = at::arange(count, at::kLong)};
}

void expect_same(const ImageBatch& a, const ImageBatch& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_TRUE(at::equal(a.pixels, b.pixels));
  EXPECT_TRUE(at::equal(a.labels, b.labels));
}

TEST(ImageLoader, SameBatchesForAnyNumberOfThreads) {
  const ImageSet set = numbered_set(23);
  const ImageConfig config{.crop = 1, .flip = true};
  for (const int threads : {0, 1, 2, 3}) {
    ImageLoader loader(set, config, 8, 5, 0, threads);
    for (int64_t step = 0; step < 12; ++step) {
      SCOPED_TRACE(step);
      expect_same(loader.next(), make_batch(set, config, 8, 5, step));
    }
  }
}

TEST(ImageLoader, ResumesAtAnyStep) {
  const ImageSet set = numbered_set(23);
  const ImageConfig config{.crop = 2, .flip = true};
  ImageLoader whole(set, config, 8, 5, 0, 2);
  for (int64_t step = 0; step < 7; ++step) (void)whole.next();
  ImageLoader resumed(set, config, 8, 5, 7, 1);
  for (int64_t step = 7; step < 15; ++step) expect_same(resumed.next(), whole.next());
}

TEST(ImageLoader, EveryEpochShowsEveryImageOnceInAnOrderOfItsOwn) {
  constexpr int64_t kImages = 23, kBatch = 8;  // batches straddle epochs
  ImageLoader loader(numbered_set(kImages), {}, kBatch, 3, 0, 1);
  std::vector<Tensor> labels;
  for (int64_t step = 0; step < kImages; ++step) {  // 8 epochs
    const ImageBatch batch = loader.next();
    labels.push_back(batch.labels);
    const Tensor expected = ((batch.labels.to(at::kDouble) + 1) / 255 - 0.5) / 0.5;
    EXPECT_TRUE(at::equal(batch.pixels.select(1, 1).select(1, 3).select(1, 2), expected.to(at::kFloat)));
  }
  const Tensor epochs = at::cat(labels).view({kBatch, kImages});
  EXPECT_TRUE(at::equal(std::get<0>(epochs.sort(1)), at::arange(kImages, at::kLong).expand({kBatch, kImages})));
  for (int64_t epoch = 1; epoch < kBatch; ++epoch) EXPECT_FALSE(at::equal(epochs[0], epochs[epoch]));
}

TEST(ImageLoader, SeedsDiffer) {
  const ImageSet set = numbered_set(100);
  EXPECT_FALSE(at::equal(make_batch(set, {}, 50, 1, 0).labels, make_batch(set, {}, 50, 2, 0).labels));
}

TEST(ImageLoader, BatchesLargerThanTheSet) {
  EXPECT_TRUE(at::equal(make_batch(numbered_set(3), {}, 9, 1, 0).labels.bincount(), at::full({3}, 3, at::kLong)));
}

TEST(ImageLoader, RefusesWhatMakesNoSense) {
  const ImageSet set = numbered_set(3);
  EXPECT_THROW(ImageLoader(set, {}, 0, 1, 0, 1), UsageError);
  EXPECT_THROW(ImageLoader(set, {}, int64_t{1} << 40, 1, 0, 1), UsageError);
  EXPECT_THROW(ImageLoader(set, {}, 2, 1, -1, 1), UsageError);
  EXPECT_THROW(ImageLoader(set, {}, 2, 1, 0, -1), UsageError);
  EXPECT_THROW(ImageLoader(set, {.crop = -1}, 2, 1, 0, 1), UsageError);
  EXPECT_THROW(ImageLoader({.pixels = set.pixels.to(at::kFloat), .labels = set.labels}, {}, 2, 1, 0, 1), Error);
  EXPECT_THROW(ImageLoader(set, {.erase = 2}, 2, 1, 0, 1), UsageError);
  EXPECT_THROW(ImageLoader(set, {.crop_scale = {0.5}}, 2, 1, 0, 1), UsageError);
  EXPECT_THROW(ImageLoader(set, {.repeats = 0}, 2, 1, 0, 1), UsageError);
  EXPECT_THROW(ImageLoader({.pixels = set.pixels, .labels = set.labels.slice(0, 0, 2)}, {}, 2, 1, 0, 1), Error);
}

TEST(ImageLoader, RepeatedImagesStandTogetherAndDiffer) {
  const ImageSet set{.pixels = at::randint(256, {30, 1, 8, 8}, at::kByte), .labels = at::arange(30, at::kLong)};
  const ImageConfig config{.crop = 2, .repeats = 3};
  std::vector<Tensor> labels;
  for (int64_t step = 0; step < 10; ++step) {
    const ImageBatch batch = make_batch(set, config, 9, 4, step);
    const Tensor by_image = batch.labels.view({3, 3});
    EXPECT_TRUE(at::equal(by_image, by_image.select(1, 0).unsqueeze(1).expand({3, 3})));
    EXPECT_FALSE(at::equal(batch.pixels[0], batch.pixels[1]) && at::equal(batch.pixels[1], batch.pixels[2]));
    labels.push_back(by_image.select(1, 0));
  }
  EXPECT_TRUE(at::equal(std::get<0>(at::cat(labels).sort()), at::arange(30, at::kLong)));  // one epoch
  EXPECT_THROW(make_batch(set, config, 10, 4, 0), UsageError);
}

TEST(ImageLoader, EveryChannelHasItsOwnMean) {
  const ImageSet set = numbered_set(3);
  const Tensor pixels = make_batch(set, {.mean = {0.5, 0.25}, .std = {0.5, 2}}, 3, 1, 0).pixels;
  const Tensor values = (pixels.select(1, 0) * 0.5 + 0.5) * 255;
  EXPECT_TRUE(at::allclose((pixels.select(1, 1) * 2 + 0.25) * 255, values, 1e-5, 1e-3));
  EXPECT_THROW(make_batch(set, {.mean = {0.5, 0.5, 0.5}}, 3, 1, 0), UsageError);
}

TEST(Augment, MovesByWholePixelsAndFillsWithBlack) {
  const Tensor image = at::arange(1, 13, at::kByte).view({1, 3, 4});
  const auto changed = [&](const Augmentation& change) {
    Tensor out = at::empty({1, 3, 4}, at::kByte);
    move(image.const_data_ptr<uint8_t>(), 1, 3, 4, change, out.mutable_data_ptr<uint8_t>());
    return out;
  };
  EXPECT_TRUE(at::equal(changed({}), image));
  EXPECT_TRUE(at::equal(changed({.flip = true}), image.flip(2)));
  for (int64_t down = -4; down <= 4; ++down)
    for (int64_t right = -4; right <= 4; ++right) {
      const Tensor cropped =
          at::constant_pad_nd(image, {4, 4, 4, 4}).slice(1, 4 + down, 7 + down).slice(2, 4 + right, 8 + right);
      EXPECT_TRUE(at::equal(changed({down, right, false}), cropped)) << down << " " << right;
      EXPECT_TRUE(at::equal(changed({down, right, true}), cropped.flip(2))) << down << " " << right;
    }
}

TEST(Augment, DrawsEveryCropAndHalfTheFlips) {
  const ImageConfig config{.crop = 2, .flip = true};
  constexpr int kDraws = 25000;
  std::map<std::pair<int64_t, int64_t>, int> crops;
  int flips = 0;
  const Random stream(4);
  for (int i = 0; i < kDraws; ++i) {
    const Augmentation change = draw_augmentation(config, stream.fork(i));
    ++crops[{change.down, change.right}];
    flips += change.flip;
  }
  ASSERT_EQ(crops.size(), 25);
  double chi_square = 0;
  for (const auto& [crop, count] : crops) {
    EXPECT_LE(std::max(std::abs(crop.first), std::abs(crop.second)), 2);
    chi_square += (count - 1000.0) * (count - 1000.0) / 1000.0;
  }
  EXPECT_LT(chi_square, 61);  // 24 degrees of freedom: p = 5e-5
  EXPECT_NEAR(flips, kDraws / 2, 4 * std::sqrt(kDraws / 4.0));
  const Augmentation none = draw_augmentation({}, Random(1));
  EXPECT_TRUE(none.down == 0 && none.right == 0 && !none.flip);
}

TEST(Augment, CropsHaveTheAreaAndRatioAskedFor) {
  const ImageConfig config{.crop_scale = {0.2, 0.6}, .crop_ratio = {0.5, 2}};
  constexpr int kDraws = 5000;
  double area = 0, log_ratio = 0;
  for (int i = 0; i < kDraws; ++i) {
    const Box box = draw_crop(config, 200, 300, Random(5).fork(i));
    ASSERT_TRUE(box.top >= 0 && box.left >= 0 && box.top + box.height <= 200 && box.left + box.width <= 300);
    const double share = static_cast<double>(box.height * box.width) / 60000;
    const double ratio = static_cast<double>(box.width) / static_cast<double>(box.height);
    EXPECT_TRUE(share > 0.19 && share < 0.61 && ratio > 0.48 && ratio < 2.08) << share << " " << ratio;
    area += share / kDraws;
    log_ratio += std::log(ratio) / kDraws;
  }
  EXPECT_NEAR(area, 0.4, 0.03);
  EXPECT_NEAR(log_ratio, 0, 0.1);
  // Where no rectangle fits: the largest central one.
  const Box wide = draw_crop({.crop_scale = {1, 1}, .crop_ratio = {1, 1}}, 10, 100, Random(1));
  EXPECT_TRUE(wide.top == 0 && wide.left == 45 && wide.height == 10 && wide.width == 10);
  const Box dot = draw_crop({.crop_scale = {0.08, 0.1}}, 1, 1, Random(1));
  EXPECT_TRUE(dot.height == 1 && dot.width == 1);
}

TEST(Augment, ErasesWhatItSays) {
  constexpr int kDraws = 4000;
  int erased = 0;
  for (int i = 0; i < kDraws; ++i) {
    const Box box = draw_erasing({.erase = 0.25}, 40, 50, Random(6).fork(i));
    if (box.height == 0) continue;
    ++erased;
    const double share = static_cast<double>(box.height * box.width) / 2000;
    EXPECT_TRUE(share > 0.01 && share <= 0.4 && box.top + box.height <= 40 && box.left + box.width <= 50);
  }
  EXPECT_NEAR(erased, kDraws / 4, 4 * std::sqrt(kDraws * 0.25 * 0.75));
  std::vector<uint8_t> pixels(2 * 40 * 50, 7);
  erase(pixels.data(), 2, 40, 50, {3, 4, 20, 30}, Random(1));
  int changed = 0;
  for (int c = 0; c < 2; ++c)
    for (int y = 0; y < 40; ++y)
      for (int x = 0; x < 50; ++x) {
        const bool inside = y >= 3 && y < 23 && x >= 4 && x < 34;
        const bool differs = pixels[(c * 40 + y) * 50 + x] != 7;
        EXPECT_TRUE(inside || !differs);
        changed += differs;
      }
  EXPECT_GT(changed, 1150);  // of 1200, some of which come out as 7 by chance
}

}  // namespace
}  // namespace strata
