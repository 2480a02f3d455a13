// Parser: strata/formats/gzip.cpp
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "strata/base/error.h"
#include "strata/formats/gzip.h"

namespace {

void put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i);
}

// A member around deflated data, or around a text as it is.
std::string member(std::string_view body, std::string_view text) {
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  out += body;
  put(out, crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())), 4);
  put(out, text.size(), 4);
  return out;
}

std::string stored(std::string_view text) {
  std::string body(1, '\1');  // the last block, not compressed
  put(body, text.size(), 2);
  put(body, ~text.size(), 2);
  return member(body.append(text), text);
}

}  // namespace

// Any bytes are either refused by an Error or give no more than what is allowed; members one after the other give what
// they hold.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint64_t kMost = 1 << 16;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // As a whole file, and as the data inside one, whose header most changed bytes would break.
  for (const std::string& file : {std::string(text), member(text, "")}) try {
      if (strata::gunzip(std::as_bytes(std::span(file)), "input", kMost).size() > kMost) std::abort();
    } catch (const strata::Error&) {
      continue;
    }
  if (size > 0xffff) return 0;
  const std::string whole = stored(text.substr(0, size / 2)) + stored(text.substr(size / 2));
  if (!strata::is_gzip(std::as_bytes(std::span(whole)))) std::abort();
  if (strata::gunzip(std::as_bytes(std::span(whole)), "members", size) != text) std::abort();
  if (size == 0) return 0;
  try {
    (void)strata::gunzip(std::as_bytes(std::span(whole)), "members", size - 1);
  } catch (const strata::Error&) {
    return 0;
  }
  std::abort();
}
