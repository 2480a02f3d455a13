#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace strata {

/// A table from 64-bit keys to small values, filled once and then only read: open addressing in one array, half empty.
template <class Value>
class PairMap {
 public:
  PairMap() { clear(0); }

  /// Makes room for so many keys and forgets all others.
  void clear(size_t keys) {
    const size_t places = std::bit_ceil(2 * keys + 2);
    shift_ = 64 - std::countr_zero(places);
    slots_.assign(places, {kEmpty, {}});
  }
  /// There must be room. A key that is there already gets the new value.
  void set(uint64_t key, const Value& value) { slots_[place(key)] = {key, value}; }
  const Value* find(uint64_t key) const {
    const Slot& slot = slots_[place(key)];
    return slot.key == key ? &slot.value : nullptr;
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  struct Slot {
    uint64_t key;
    Value value;
  };

  size_t place(uint64_t key) const {
    size_t at = (key * 0x9E3779B97F4A7C15) >> shift_;
    while (slots_[at].key != key && slots_[at].key != kEmpty) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  std::vector<Slot> slots_;
  int shift_ = 63;
};

}  // namespace strata
