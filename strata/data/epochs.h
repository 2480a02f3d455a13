#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace strata {

/// The random order in which an epoch shows `count` things: a pure function of seed and epoch.
std::vector<int32_t> epoch_order(int64_t count, uint64_t seed, int64_t epoch);

/// The orders of the epochs that workers are in; older ones are forgotten. Safe from several threads.
class EpochOrders {
 public:
  EpochOrders(int64_t count, uint64_t seed) : count_(count), seed_(seed) {}
  std::shared_ptr<const std::vector<int32_t>> of(int64_t epoch);

 private:
  static constexpr size_t kKept = 3;
  int64_t count_;
  uint64_t seed_;
  std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<const std::vector<int32_t>>> orders_;
};

}  // namespace strata
