#include "strata/formats/lzw.h"

#include <algorithm>
#include <vector>

#include "strata/base/error.h"

namespace strata {
namespace {

constexpr int kLeastBits = 9, kMostBits = 16;
constexpr uint32_t kClear = 256, kFirst = 257;

// Codes, lowest bit first. They stand in groups of eight; whoever changes the width throws the rest of a group away.
class Codes {
 public:
  explicit Codes(std::span<const std::byte> bytes) : bytes_(bytes) {}

  int bits() const { return bits_; }
  void widen() { change(bits_ + 1); }
  void reset() { change(kLeastBits); }

  bool read(uint32_t& code) {
    if (position_ + bits_ > 8 * bytes_.size()) return false;
    const size_t first = position_ / 8;
    uint32_t window = 0;  // of at most three bytes
    for (size_t i = (position_ + bits_ - 1) / 8 + 1; i-- > first;)
      window = window << 8 | std::to_integer<uint32_t>(bytes_[i]);
    code = window >> position_ % 8 & ((1U << bits_) - 1);
    position_ += bits_;
    return true;
  }

 private:
  void change(int bits) {
    const uint64_t group = 8 * static_cast<uint64_t>(bits_);
    position_ = start_ = start_ + (position_ - start_ + group - 1) / group * group;
    bits_ = bits;
  }

  std::span<const std::byte> bytes_;
  uint64_t position_ = 0;  // in bits
  uint64_t start_ = 0;     // of the groups of this width
  int bits_ = kLeastBits;
};

// What a code stands for: another code and one byte more.
struct Entry {
  uint32_t before;
  char last;
};

}  // namespace

std::string expand_lzw(std::span<const std::byte> codes, const std::string& name, uint64_t max_bytes) {
  Codes in(codes);
  std::vector<Entry> table(kFirst);
  for (uint32_t i = 0; i < kClear; ++i) table[i] = {kClear, static_cast<char>(i)};
  std::string out, word;
  uint32_t code = 0, previous = kClear;
  char first = 0;
  for (;;) {
    if (table.size() >= (1U << in.bits()) && in.bits() < kMostBits) in.widen();
    if (!in.read(code)) return out;
    if (code == kClear) {
      table.resize(kFirst);
      in.reset();
      previous = kClear;
      continue;
    }
    // A code may stand for the entry that is being made by it: the word before and its own first byte.
    const bool itself = code == table.size() && previous != kClear;
    if ((code >= table.size() && !itself) || (previous == kClear && code > kClear))
      fail(name, ": damaged LZW data: code ", code, " after ", out.size(), " bytes, with ", table.size(), " known");
    word.clear();
    if (itself) word.push_back(first);
    for (uint32_t at = itself ? previous : code; at != kClear; at = table[at].before) word.push_back(table[at].last);
    first = word.back();
    if (out.size() + word.size() > max_bytes)
      fail(name, ": LZW data gives more than the ", max_bytes, " bytes that were expected");
    out.append(word.rbegin(), word.rend());
    if (previous != kClear && table.size() < (1U << kMostBits)) table.push_back({previous, first});
    previous = code;
  }
}

}  // namespace strata
