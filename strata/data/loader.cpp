#include "strata/data/loader.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "strata/base/error.h"
#include "strata/base/threads.h"
#include "strata/data/augment.h"
#include "strata/data/epochs.h"
#include "strata/data/mix.h"
#include "strata/data/prefetch.h"
#include "strata/data/rand_augment.h"
#include "strata/data/resize.h"

namespace strata {
namespace {

// Purposes of the streams below the seed.
constexpr uint64_t kAugmentStream = 1, kMixStream = 2;  // 0: epochs.h
// Purposes of the streams below that of one image. Moving and mirroring draw from the image's stream itself.
constexpr uint64_t kCropStream = 0, kOperationStream = 1, kEraseStream = 2, kNoiseStream = 3;

void check_loader(const ImageSet& set, const ImageConfig& config, int64_t batch, int64_t first_step) {
  check_images(config);
  if (!set.source && (set.pixels.dim() != 4 || set.pixels.scalar_type() != at::kByte || !set.pixels.is_contiguous()))
    fail("image loader: expected pixels as contiguous uint8 [n, channels, height, width], got ", set.pixels.sizes());
  if (set.labels.dim() != 1 || set.labels.scalar_type() != at::kLong ||
      (!set.source && set.labels.size(0) != set.pixels.size(0)))
    fail("image loader: expected a label as int64 for each of ", set.source ? set.size() : set.pixels.size(0),
         " images, got ", set.labels.sizes());
  if (set.size() < 1 || set.size() > std::numeric_limits<int32_t>::max())
    fail("image loader: expected from 1 to 2^31 - 1 images, got ", set.size());
  if (batch % config.repeats != 0)
    fail_usage("image loader: expected the batch to be a multiple of repeats = ", config.repeats, ", got ", batch);
  constexpr int64_t kMostBatch = int64_t{1} << 24;
  if (batch < 1 || batch > kMostBatch)
    fail_usage("image loader: batch must be from 1 to ", kMostBatch, ", got ", batch);
  if (first_step < 0 || first_step > std::numeric_limits<int64_t>::max() / (2 * kMostBatch))
    fail_usage("image loader: cannot start at step ", first_step);
}

// What every batch of a set needs, made once.
struct Plan {
  std::array<int64_t, 3> shape;
  std::vector<PixelTable> tables;

  Plan(const ImageSet& set, const ImageConfig& config) : shape(shape_of(set)), tables(pixel_tables(config, shape[0])) {}
};

// The augmented image, still in bytes; scratch is [channels, height, width].
void make_image(const ImageSet& set, const ImageConfig& config, const Plan& plan, int64_t index, const Random& random,
                uint8_t* scratch) {
  const auto [channels, height, width] = plan.shape;
  Tensor image = stored_image(set, index);
  if (config.resized_crop) {
    const Box box = draw_crop(config, image.size(1), image.size(2), random.fork(kCropStream));
    image = resize(image.narrow(1, box.top, box.height).narrow(2, box.left, box.width), height, width, set.fit.filter);
  } else {
    image = fitted(image, set.fit);
  }
  image = image.contiguous();
  if (image.size(0) != channels)
    fail("data set '", set.name, "': image ", index, " has ", image.size(0), " channels, others have ", channels,
         "; say how many are wanted");
  move(image.const_data_ptr<uint8_t>(), channels, height, width, draw_augmentation(config, random), scratch);
  rand_augment(config.rand_augment, config.magnitude, scratch, channels, height, width, random.fork(kOperationStream));
  if (config.erase > 0)
    erase(scratch, channels, height, width, draw_erasing(config, height, width, random.fork(kEraseStream)),
          random.fork(kNoiseStream));
}

ImageBatch make_batch(const ImageSet& set, const ImageConfig& config, const Plan& plan, int64_t batch, uint64_t seed,
                      int64_t step, EpochOrders& orders) {
  const OneThread here;
  const auto [channels, height, width] = plan.shape;
  const int64_t images = set.size(), plane = height * width;
  ImageBatch result{.pixels = at::empty({batch, channels, height, width}, at::kFloat),
                    .labels = at::empty({batch}, at::kLong),
                    .step = step};
  const int64_t* labels = set.labels.const_data_ptr<int64_t>();
  float* to = result.pixels.mutable_data_ptr<float>();
  int64_t* label = result.labels.mutable_data_ptr<int64_t>();
  const Random stream = Random(seed).fork(kAugmentStream).fork(step);
  std::vector<uint8_t> scratch(channels * plane);
  std::shared_ptr<const std::vector<int32_t>> order;
  int64_t epoch = -1;
  for (int64_t i = 0; i < batch; ++i) {
    const int64_t place = (step * batch + i) / config.repeats;
    if (place / images != epoch) order = orders.of(epoch = place / images);
    const int64_t image = (*order)[place % images];
    make_image(set, config, plan, image, stream.fork(i), scratch.data());
    for (int64_t k = 0; k < channels * plane; ++k) *to++ = plan.tables[k / plane][scratch[k]];
    label[i] = labels[image];
  }
  const Mix mix = draw_mix(config, height, width, Random(seed).fork(kMixStream).fork(step));
  if (mix.kind != Mix::Kind::none) {
    apply(mix, result.pixels.mutable_data_ptr<float>(), batch, channels, height, width);
    result.others = result.labels.flip(0);
    result.share = mix.share;
  }
  return result;
}

}  // namespace

ImageBatch make_batch(const ImageSet& set, const ImageConfig& config, int64_t batch, uint64_t seed, int64_t step) {
  check_loader(set, config, batch, step);
  EpochOrders orders(set.size(), seed);
  return make_batch(set, config, Plan(set, config), batch, seed, step, orders);
}

struct ImageLoader::State {
  ImageSet set;
  ImageConfig config;
  Plan plan;
  int64_t batch;
  uint64_t seed;
  EpochOrders orders;
  Prefetch<ImageBatch> batches;  // last: its threads read everything above

  State(ImageSet images, const ImageConfig& image_config, int64_t batch_size, uint64_t first_seed, int64_t first_step,
        int threads)
      : set(std::move(images)),
        config(image_config),
        plan(set, image_config),
        batch(batch_size),
        seed(first_seed),
        orders(set.size(), first_seed),
        batches([this](int64_t step) { return make_batch(set, config, plan, batch, seed, step, orders); }, first_step,
                threads) {}
};

ImageLoader::ImageLoader(ImageSet set, ImageConfig config, int64_t batch, uint64_t seed, int64_t first_step,
                         int threads) {
  check_loader(set, config, batch, first_step);
  if (threads < 0 || threads > 256) fail_usage("image loader: threads must be from 0 to 256, got ", threads);
  state_ = std::make_unique<State>(std::move(set), config, batch, seed, first_step, threads);
}
ImageLoader::ImageLoader(ImageLoader&&) noexcept = default;
ImageLoader::~ImageLoader() = default;

ImageBatch ImageLoader::next() {
  return state_->batches.next();
}

}  // namespace strata
