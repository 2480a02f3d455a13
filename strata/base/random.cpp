#include "strata/base/random.h"

#include <cmath>
#include <numbers>

namespace strata {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

Random Random::fork(std::string_view purpose) const {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fork(hash);
}

Random Random::fork(uint64_t purpose) const {
  // A counter no stream reaches by drawing (its last word is all ones) keeps derived keys apart from drawn numbers.
  const auto out = philox({static_cast<uint32_t>(purpose), static_cast<uint32_t>(purpose >> 32), 0x464F524B, ~0U},
                          {static_cast<uint32_t>(key_), static_cast<uint32_t>(key_ >> 32)});
  return Random((uint64_t{out[1]} << 32) | out[0]);
}

uint32_t Random::next32() {
  const uint64_t counter = position_ / 4;
  if (counter != filled_) {
    words_ = philox({static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32),
                     static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32)},
                    {static_cast<uint32_t>(key_), static_cast<uint32_t>(key_ >> 32)});
    filled_ = counter;
  }
  return words_[position_++ % 4];
}

uint64_t Random::next64() {
  const uint64_t low = next32();
  return low | (uint64_t{next32()} << 32);
}

double Random::uniform() {
  return static_cast<double>(next64() >> 11) * 0x1.0p-53;
}

uint64_t Random::below(uint64_t bound) {
  // Multiply-shift with rejection of the short first interval.
  unsigned __int128 product = static_cast<unsigned __int128>(next64()) * bound;
  if (static_cast<uint64_t>(product) < bound) {
    const uint64_t threshold = -bound % bound;
    while (static_cast<uint64_t>(product) < threshold) product = static_cast<unsigned __int128>(next64()) * bound;
  }
  return static_cast<uint64_t>(product >> 64);
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace strata
