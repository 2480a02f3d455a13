#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace strata {

/// Tokens of words seen before. A word has one place; the next that falls there takes it over, so the memory is fixed
/// (2 MiB, touched as it fills). Not for several threads at once.
class WordCache {
 public:
  static constexpr size_t kLongestWord = 32;
  static constexpr size_t kMostTokens = 7;

  struct alignas(64) Entry {
    char word[kLongestWord];
    int32_t tokens[kMostTokens];
    uint8_t length;  // of the word; 0: empty
    uint8_t count;   // of the tokens
  };

  /// The place of a word of 1 to kLongestWord bytes; it holds this word when `found`.
  /// readable: bytes that may be read from the word's beginning, at least its length.
  Entry& look_up(std::string_view word, size_t readable, bool& found) {
    uint64_t parts[4];
    load(word, readable, parts);
    Entry& entry = entries_[hash(parts, word.size()) >> (64 - kBits)];
    found = entry.length == word.size() && std::memcmp(entry.word, parts, kLongestWord) == 0;
    return entry;
  }

  /// Puts a word into its place when its tokens fit.
  static void store(Entry& entry, std::string_view word, std::span<const int32_t> tokens) {
    if (tokens.size() > kMostTokens) return;
    std::memset(entry.word, 0, kLongestWord);
    std::memcpy(entry.word, word.data(), word.size());
    entry.length = static_cast<uint8_t>(word.size());
    entry.count = static_cast<uint8_t>(tokens.size());
    std::memcpy(entry.tokens, tokens.data(), tokens.size() * sizeof(int32_t));
  }

 private:
  static constexpr int kBits = 15;
  static_assert(std::endian::native == std::endian::little);

  // The word's bytes, zeros behind them.
  static void load(std::string_view word, size_t readable, uint64_t (&parts)[4]) {
    const size_t size = word.size();
    if (readable < kLongestWord) {
      std::memset(parts, 0, sizeof parts);
      std::memcpy(parts, word.data(), size);
      return;
    }
    std::memcpy(parts, word.data(), sizeof parts);
    for (size_t i = 0; i < 4; ++i) {
      const size_t begin = i * 8;
      const uint64_t mask = size >= begin + 8 ? ~uint64_t{0}
                            : size <= begin   ? 0
                                              : ~uint64_t{0} >> (64 - 8 * (size - begin));
      parts[i] &= mask;
    }
  }

  static uint64_t hash(const uint64_t (&parts)[4], size_t size) {
    constexpr uint64_t kMix = 0x9E3779B97F4A7C15;
    uint64_t value = (parts[0] ^ size) * kMix;
    if (size > 8) value = (std::rotl(value, 29) ^ parts[1]) * kMix;
    if (size > 16) value = (std::rotl(value, 29) ^ parts[2]) * kMix;
    if (size > 24) value = (std::rotl(value, 29) ^ parts[3]) * kMix;
    return (value ^ (value >> 32)) * kMix;
  }

  struct Free {
    void operator()(Entry* entries) const { std::free(entries); }
  };
  std::unique_ptr<Entry[], Free> entries_{make()};
  static Entry* make();
};

}  // namespace strata
