#include "strata/formats/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "strata/base/error.h"
#include "strata/base/file.h"

namespace strata {
namespace {

constexpr size_t kMaxRank = 8;
constexpr size_t kMagicBytes = 4;

int element_bytes(uint8_t code) {
  switch (static_cast<IdxType>(code)) {
    case IdxType::U8:
    case IdxType::I8:
      return 1;
    case IdxType::I16:
      return 2;
    case IdxType::I32:
    case IdxType::F32:
      return 4;
    case IdxType::F64:
      return 8;
  }
  return 0;
}

// The bytes of the file one after the other, unpacked when they are compressed.
class Source {
 public:
  Source(std::span<const std::byte> file, const std::string& name) : name_(name), rest_(file) {
    packed_ = file.size() >= 2 && file[0] == std::byte{0x1f} && file[1] == std::byte{0x8b};
    if (!packed_) return;
    constexpr int gzip_only = 16;
    if (inflateInit2(&stream_, gzip_only + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() {
    if (packed_) inflateEnd(&stream_);
  }

  /// Fills as much of `out` as the file has; returns how much.
  size_t read(std::span<std::byte> out) {
    size_t done = 0;
    if (!packed_) {
      done = std::min(out.size(), rest_.size());
      if (done > 0) std::memcpy(out.data(), rest_.data(), done);
      rest_ = rest_.subspan(done);
      return done;
    }
    while (done < out.size() && !ended_) {
      if (stream_.avail_in == 0) feed();
      const size_t room = std::min<size_t>(out.size() - done, 1U << 30);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + done);
      stream_.avail_out = static_cast<uInt>(room);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      done += room - stream_.avail_out;
      if (result == Z_STREAM_END)
        ended_ = true;
      else if (result != Z_OK)
        fail(name_, ": damaged gzip data: ",
             stream_.msg != nullptr ? stream_.msg
             : rest_.empty()        ? "it is cut off"
                                    : "unknown fault");
    }
    return done;
  }

  /// Most bytes that can still come: deflate packs 1032 bytes into one at best.
  uint64_t most_left() const {
    constexpr uint64_t best_ratio = 1032;
    return packed_ ? (rest_.size() + stream_.avail_in + 1) * best_ratio : rest_.size();
  }

  /// Throws unless everything has been read (for gzip: its checksum too).
  void expect_end() {
    std::byte extra{};
    if (read({&extra, 1}) != 0 || rest_.size() + stream_.avail_in != 0)
      fail(name_, ": expected the end of the file after the data, found more");
  }

 private:
  void feed() {
    const size_t size = std::min<size_t>(rest_.size(), 1U << 30);
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(rest_.data()));
    stream_.avail_in = static_cast<uInt>(size);
    rest_ = rest_.subspan(size);
  }

  const std::string& name_;
  std::span<const std::byte> rest_;
  bool packed_ = false;
  bool ended_ = false;
  z_stream stream_{};
};

uint32_t big_endian(const std::byte* bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<uint32_t>(bytes[i]);
  return value;
}

}  // namespace

IdxArray parse_idx(std::span<const std::byte> file, const std::string& name) {
  Source source(file, name);
  std::array<std::byte, kMagicBytes> magic{};
  if (source.read(magic) != magic.size()) fail(name, ": expected an IDX file of at least 4 bytes, found fewer");
  const auto code = static_cast<uint8_t>(magic[2]);
  const auto rank = static_cast<size_t>(magic[3]);
  const int element = element_bytes(code);
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0} || element == 0)
    fail(name, ": expected the start of an IDX file (0, 0, a type code, a rank), found ", static_cast<int>(magic[0]),
         ", ", static_cast<int>(magic[1]), ", ", static_cast<int>(code), ", ", rank);
  if (rank == 0 || rank > kMaxRank) fail(name, ": expected 1 to ", kMaxRank, " dimensions, found ", rank);

  std::vector<std::byte> sizes(4 * rank);
  if (source.read(sizes) != sizes.size())
    fail(name, ": expected ", rank, " dimensions in the header, found the end of the file");
  IdxArray array{.type = static_cast<IdxType>(code), .shape = {}, .bytes = {}};
  uint64_t total = static_cast<uint64_t>(element);
  for (size_t i = 0; i < rank; ++i) {
    array.shape.push_back(big_endian(sizes.data() + 4 * i));
    if (__builtin_mul_overflow(total, static_cast<uint64_t>(array.shape.back()), &total))
      fail(name, ": expected dimensions whose product fits 64 bits, found an overflow");
  }
  if (total > source.most_left())
    fail(name, ": expected ", total, " bytes of data as the header says, found fewer (at most ", source.most_left(),
         ")");

  // A claim may still be a thousand times what the file holds: memory grows with what has really come.
  size_t done = 0;
  while (done < total) {
    constexpr uint64_t first = 1 << 20;
    array.bytes.resize(std::min<uint64_t>(total, std::max<uint64_t>(first, 2 * done)));
    const size_t got = source.read(std::span(array.bytes).subspan(done));
    done += got;
    if (got == 0) fail(name, ": expected ", total, " bytes of data as the header says, found ", done);
  }
  source.expect_end();
  for (size_t at = 0; element > 1 && at < array.bytes.size(); at += static_cast<size_t>(element))
    std::reverse(array.bytes.begin() + static_cast<ptrdiff_t>(at),
                 array.bytes.begin() + static_cast<ptrdiff_t>(at) + element);
  return array;
}

IdxArray read_idx(const std::string& path) {
  const MappedFile file(path);
  return parse_idx(file.bytes(), path);
}

}  // namespace strata
