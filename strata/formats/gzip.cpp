#include "strata/formats/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>

#include "strata/base/error.h"

namespace strata {
namespace {

struct Inflate {
  z_stream stream{};
  Inflate() {
    constexpr int gzip_only = 16;
    if (inflateInit2(&stream, gzip_only + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate() { inflateEnd(&stream); }
};

}  // namespace

bool is_gzip(std::span<const std::byte> file) {
  return file.size() >= 2 && file[0] == std::byte{0x1f} && file[1] == std::byte{0x8b};
}

std::string gunzip(std::span<const std::byte> file, const std::string& name, uint64_t max_bytes) {
  Inflate inflater;
  z_stream& stream = inflater.stream;
  std::string out;
  std::array<char, 1 << 16> buffer;
  size_t taken = 0;
  for (;;) {
    const size_t feed = std::min<size_t>(file.size() - taken, 1U << 30);
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(file.data() + taken));
    stream.avail_in = static_cast<uInt>(feed);
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    taken += feed - stream.avail_in;
    const size_t made = buffer.size() - stream.avail_out;
    if (out.size() + made > max_bytes) fail(name, ": holds more than the ", max_bytes, " bytes that are allowed here");
    out.append(buffer.data(), made);
    if (result == Z_STREAM_END) {
      if (taken == file.size()) return out;
      inflateReset(&stream);  // fails for nothing but a stream that was never begun
    } else if (result != Z_OK) {
      fail(name, ": damaged gzip data: ",
           stream.msg != nullptr  ? stream.msg
           : taken == file.size() ? "it is cut off"
                                  : "unknown fault");
    }
  }
}

}  // namespace strata
