#include "strata/data/loader.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

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
  EXPECT_THROW(ImageLoader({.pixels = set.pixels, .labels = set.labels.slice(0, 0, 2)}, {}, 2, 1, 0, 1), Error);
}

TEST(Augment, MovesByWholePixelsAndFillsWithBlack) {
  const Tensor image = at::arange(1, 13, at::kByte).view({1, 3, 4});
  const ImageConfig config{.mean = 0, .std = 1.0 / 255};  // values come out as they are
  const auto changed = [&](const Augmentation& change) {
    Tensor out = at::empty({1, 3, 4}, at::kFloat);
    augment(image.const_data_ptr<uint8_t>(), 1, 3, 4, change, pixel_table(config), out.mutable_data_ptr<float>());
    return out.round().to(at::kByte);
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

}  // namespace
}  // namespace strata
