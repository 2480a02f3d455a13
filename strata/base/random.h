#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace strata {

/// Philox4x32-10 (Salmon et al. 2011): a random stream that is a pure function of (key, counter), so that any draw can be made on any
/// thread, in any order, and again after a restart.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// A stream of random numbers named by a seed and a path of integers below it ("sampler of step 12"). Copying one copies its position.
class Random {
 public:
  Random() = default;
  explicit Random(uint64_t seed) : key_(seed) {}
  Random(uint64_t key, uint64_t block, uint64_t position) : key_(key), block_(block), position_(position) {}

  /// An independent stream derived from this one's name; does not advance this one and does not depend on its position.
  Random fork(uint64_t purpose) const;
  /// The same below a name (FNV-1a of it): what is drawn for a thing depends on its name, not on its neighbours.
  Random fork(std::string_view purpose) const;

  uint32_t next32();
  uint64_t next64();
  /// Uniform in [0, 1) with 53 bits.
  double uniform();
  /// Uniform in 0..bound-1 without bias (Lemire 2019); bound > 0.
  uint64_t below(uint64_t bound);
  /// Standard normal (Box-Muller, one of the pair; the other is thrown away so that draws stay addressable).
  double normal();

  uint64_t key() const { return key_; }

 private:
  uint64_t key_ = 0;
  uint64_t block_ = 0;     // high half of the counter: unused by next*, reserved for callers that index draws
  uint64_t position_ = 0;  // in 32-bit words
  std::array<uint32_t, 4> words_{};
  uint64_t filled_ = ~0ULL;  // the counter value whose words are in words_
};

}  // namespace strata
