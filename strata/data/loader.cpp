#include "strata/data/loader.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "strata/base/error.h"
#include "strata/data/augment.h"
#include "strata/data/prefetch.h"
#include "strata/route/order.h"

namespace strata {
namespace {

// Purposes of the streams below the seed.
constexpr uint64_t kOrderStream = 0, kAugmentStream = 1;

using Order = std::vector<int32_t>;

Order epoch_order(int64_t images, uint64_t seed, int64_t epoch) {
  Order order(images);
  std::iota(order.begin(), order.end(), 0);
  Random random = Random(seed).fork(kOrderStream).fork(epoch);
  shuffle(order, random);
  return order;
}

// The orders of the epochs that workers are in; older ones are forgotten.
class EpochOrders {
 public:
  EpochOrders(int64_t images, uint64_t seed) : images_(images), seed_(seed) {}

  std::shared_ptr<const Order> of(int64_t epoch) {
    const std::lock_guard lock(mutex_);
    auto& order = orders_[epoch];
    if (!order) order = std::make_shared<Order>(epoch_order(images_, seed_, epoch));
    const std::shared_ptr<const Order> result = order;
    while (orders_.size() > kKept) orders_.erase(orders_.begin());
    return result;
  }

 private:
  static constexpr size_t kKept = 3;
  int64_t images_;
  uint64_t seed_;
  std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<const Order>> orders_;
};

void check_loader(const ImageSet& set, const ImageConfig& config, int64_t batch, int64_t first_step) {
  check_images(config);
  if (set.pixels.dim() != 4 || set.pixels.scalar_type() != at::kByte || !set.pixels.is_contiguous())
    fail("image loader: expected pixels as contiguous uint8 [n, channels, height, width], got ", set.pixels.sizes());
  if (set.labels.dim() != 1 || set.labels.scalar_type() != at::kLong || set.labels.size(0) != set.pixels.size(0))
    fail("image loader: expected a label as int64 for each of ", set.pixels.size(0), " images, got ",
         set.labels.sizes());
  if (set.size() < 1 || set.size() > std::numeric_limits<int32_t>::max())
    fail("image loader: expected from 1 to 2^31 - 1 images, got ", set.size());
  constexpr int64_t kMostBatch = int64_t{1} << 24;
  if (batch < 1 || batch > kMostBatch)
    fail_usage("image loader: batch must be from 1 to ", kMostBatch, ", got ", batch);
  if (first_step < 0 || first_step > std::numeric_limits<int64_t>::max() / (2 * kMostBatch))
    fail_usage("image loader: cannot start at step ", first_step);
}

ImageBatch make_batch(const ImageSet& set, const ImageConfig& config, const PixelTable& table, int64_t batch,
                      uint64_t seed, int64_t step, EpochOrders& orders) {
  const int64_t images = set.size(), channels = set.pixels.size(1), height = set.pixels.size(2),
                width = set.pixels.size(3);
  const int64_t numbers = channels * height * width;
  ImageBatch result{at::empty({batch, channels, height, width}, at::kFloat), at::empty({batch}, at::kLong), step};
  const uint8_t* from = set.pixels.const_data_ptr<uint8_t>();
  const int64_t* labels = set.labels.const_data_ptr<int64_t>();
  float* to = result.pixels.mutable_data_ptr<float>();
  int64_t* label = result.labels.mutable_data_ptr<int64_t>();
  const Random stream = Random(seed).fork(kAugmentStream).fork(step);
  std::shared_ptr<const Order> order;
  for (int64_t i = 0; i < batch; ++i) {
    const int64_t place = step * batch + i;
    if (!order || place % images == 0) order = orders.of(place / images);
    const int64_t image = (*order)[place % images];
    augment(from + image * numbers, channels, height, width, draw_augmentation(config, stream.fork(i)), table,
            to + i * numbers);
    label[i] = labels[image];
  }
  return result;
}

}  // namespace

ImageBatch make_batch(const ImageSet& set, const ImageConfig& config, int64_t batch, uint64_t seed, int64_t step) {
  check_loader(set, config, batch, step);
  EpochOrders orders(set.size(), seed);
  return make_batch(set, config, pixel_table(config), batch, seed, step, orders);
}

struct ImageLoader::State {
  ImageSet set;
  ImageConfig config;
  PixelTable table;
  int64_t batch;
  uint64_t seed;
  EpochOrders orders;
  Prefetch<ImageBatch> batches;  // last: its threads read everything above

  State(ImageSet images, const ImageConfig& image_config, int64_t batch_size, uint64_t first_seed, int64_t first_step,
        int threads)
      : set(std::move(images)),
        config(image_config),
        table(pixel_table(image_config)),
        batch(batch_size),
        seed(first_seed),
        orders(set.size(), first_seed),
        batches([this](int64_t step) { return make_batch(set, config, table, batch, seed, step, orders); }, first_step,
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
