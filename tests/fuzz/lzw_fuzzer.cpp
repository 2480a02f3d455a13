// Parser: strata/formats/lzw.cpp
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "strata/base/error.h"
#include "strata/formats/lzw.h"

namespace {

constexpr int kLeastBits = 9, kMostBits = 16;
constexpr uint32_t kClear = 256;

// Writes codes as the Unix program does: lowest bit first, in groups of eight, the rest of a group filled up where the
// width changes.
class Packer {
 public:
  void put(uint32_t code) {
    if (known_ >= (1U << bits_) && bits_ < kMostBits) change(bits_ + 1);
    put_bits(code, bits_);
    if (code == kClear) {
      change(kLeastBits);
      known_ = kClear + 1;
      first_ = true;
      return;
    }
    if (!std::exchange(first_, false) && known_ < (1U << kMostBits)) ++known_;
  }
  std::string take() { return std::move(out_); }

 private:
  void put_bits(uint32_t value, int count) {
    while (count > 0) {
      const int used = static_cast<int>(position_ % 8), taken = std::min(count, 8 - used);
      if (used == 0) out_ += '\0';
      out_.back() |= static_cast<char>((value & ((1U << taken) - 1)) << used);
      value >>= taken;
      count -= taken;
      position_ += static_cast<size_t>(taken);
    }
  }
  void change(int bits) {
    const size_t group = 8 * static_cast<size_t>(bits_), rest = (position_ - start_) % group;
    if (rest != 0) put_bits(0, static_cast<int>(group - rest));
    start_ = position_;
    bits_ = bits;
  }

  std::string out_;
  size_t position_ = 0, start_ = 0;  // in bits
  int bits_ = kLeastBits;
  uint32_t known_ = kClear + 1;  // codes that the reader has an entry for
  bool first_ = true;            // no code came since the beginning or the last clear
};

// Clears the table wherever `clear` stands in the text, so that short texts reach that too.
std::string compressed(std::string_view text, char clear) {
  Packer out;
  std::map<std::pair<uint32_t, char>, uint32_t> table;
  uint32_t next = kClear + 1, word = kClear;
  for (const char c : text) {
    const auto byte = static_cast<uint32_t>(static_cast<unsigned char>(c));
    if (word == kClear) {
      word = byte;
      continue;
    }
    if (const auto found = table.find({word, c}); found != table.end()) {
      word = found->second;
      continue;
    }
    out.put(word);
    if (next < (1U << kMostBits)) table[{word, c}] = next++;
    word = byte;
    if (c == clear) {
      out.put(kClear);
      table.clear();
      next = kClear + 1;
    }
  }
  if (word != kClear) out.put(word);
  return out.take();
}

}  // namespace

// Any codes are either refused by an Error or give no more than what is allowed; any text is itself again when it was
// compressed.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint64_t kMost = 256;
  try {
    if (strata::expand_lzw(std::as_bytes(std::span(data, size)), "input", kMost).size() > kMost) std::abort();
  } catch (const strata::Error&) {
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char clear : {'\0', 'a'}) {
    const std::string codes = compressed(text, clear);
    if (strata::expand_lzw(std::as_bytes(std::span(codes)), "compressed", size) != text) std::abort();
  }
  return 0;
}
