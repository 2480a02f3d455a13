#include "strata/data/epochs.h"

#include <numeric>

#include "strata/route/order.h"

namespace strata {
namespace {

constexpr uint64_t kOrderStream = 0;  // below the seed

}  // namespace

std::vector<int32_t> epoch_order(int64_t count, uint64_t seed, int64_t epoch) {
  std::vector<int32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  Random random = Random(seed).fork(kOrderStream).fork(epoch);
  shuffle(order, random);
  return order;
}

std::shared_ptr<const std::vector<int32_t>> EpochOrders::of(int64_t epoch) {
  const std::lock_guard lock(mutex_);
  auto& order = orders_[epoch];
  if (!order) order = std::make_shared<std::vector<int32_t>>(epoch_order(count_, seed_, epoch));
  const auto result = order;
  while (orders_.size() > kKept) orders_.erase(orders_.begin());
  return result;
}

}  // namespace strata
