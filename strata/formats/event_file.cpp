#include "strata/formats/event_file.h"

#include <fcntl.h>
#include <nmmintrin.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/file_calls.h"

namespace fs = std::filesystem;

namespace strata {
namespace {

constexpr std::string_view kVersion = "brain.Event:2";
constexpr std::string_view kPrefix = "events.out.tfevents.";
constexpr size_t kLengthBytes = 8;
constexpr size_t kCrcBytes = 4;

// The number in the first bytes of a text that has them.
template <class T>
T load(std::string_view bytes) {
  T value{};
  bytes.copy(reinterpret_cast<char*>(&value), sizeof value);
  return value;
}

// ---- protobuf: a field is a varint (number << 3 | wire type) and a value
// --------------------------------------------------------------

enum Wire { Varint = 0, Fixed64 = 1, Delimited = 2, Fixed32 = 5 };

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_key(std::string& out, int field, Wire wire) {
  put_varint(out, static_cast<uint64_t>(field) << 3 | wire);
}

template <class T>
void put_raw(std::string& out, T value) {
  std::array<char, sizeof value> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  out.append(bytes.data(), bytes.size());
}

// Values of zero are absent, as protobuf writes them.
void put_double(std::string& out, int field, double value) {
  if (std::bit_cast<uint64_t>(value) == 0) return;
  put_key(out, field, Fixed64);
  put_raw(out, value);
}

void put_integer(std::string& out, int field, int64_t value) {
  if (value == 0) return;
  put_key(out, field, Varint);
  put_varint(out, static_cast<uint64_t>(value));
}

void put_bytes(std::string& out, int field, std::string_view bytes) {
  put_key(out, field, Delimited);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_doubles(std::string& out, int field, const std::vector<double>& values) {
  std::string packed;
  for (const double value : values) put_raw(packed, value);
  put_bytes(out, field, packed);
}

// A message that does not follow protobuf's grammar.
struct Malformed {
  const char* what;
};

// Walks the fields of a message; every read is checked against its end.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  // The next field, or false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const uint64_t key = varint();
    number_ = key >> 3;
    wire_ = static_cast<int>(key & 7);
    value_ = 0;
    bytes_ = {};
    if (wire_ == Varint) {
      value_ = varint();
    } else if (wire_ == Fixed64) {
      bytes_ = take(8);
    } else if (wire_ == Delimited) {
      bytes_ = take(varint());
    } else if (wire_ == Fixed32) {
      bytes_ = take(4);
    } else {
      throw Malformed{"unknown wire type"};
    }
    return true;
  }

  bool is(uint64_t number, Wire wire) const { return number_ == number && wire_ == wire; }
  int64_t integer() const { return static_cast<int64_t>(value_); }
  std::string_view bytes() const { return bytes_; }
  template <class T>
  T number() const {
    return load<T>(bytes_);
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw Malformed{"number longer than ten bytes"};
  }
  std::string_view take(uint64_t size) {
    if (size > rest_.size()) throw Malformed{"field longer than its message"};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  uint64_t number_ = 0;
  int wire_ = 0;
  uint64_t value_ = 0;
  std::string_view bytes_;
};

// ---- the messages
// -------------------------------------------------------------------------------------------------------------------------

std::string encode_image(const EventImage& image) {
  std::string out;
  put_integer(out, 1, image.height);
  put_integer(out, 2, image.width);
  put_integer(out, 3, image.colours);
  put_bytes(out, 4, image.png);
  return out;
}

std::string encode_histogram(const EventHistogram& histogram) {
  std::string out;
  put_double(out, 1, histogram.min);
  put_double(out, 2, histogram.max);
  put_double(out, 3, histogram.count);
  put_double(out, 4, histogram.sum);
  put_double(out, 5, histogram.sum_of_squares);
  put_doubles(out, 6, histogram.limits);
  put_doubles(out, 7, histogram.counts);
  return out;
}

std::string encode_value(const EventValue& value) {
  std::string out;
  put_bytes(out, 1, value.tag);
  if (value.scalar) {  // member of a oneof: written even when zero
    put_key(out, 2, Fixed32);
    put_raw(out, *value.scalar);
  }
  if (value.image) put_bytes(out, 4, encode_image(*value.image));
  if (value.histogram) put_bytes(out, 5, encode_histogram(*value.histogram));
  return out;
}

EventImage decode_image(std::string_view bytes) {
  EventImage image{.height = 0, .width = 0, .colours = 0, .png = {}};
  for (Fields field(bytes); field.next();) {
    if (field.is(1, Varint)) image.height = field.integer();
    if (field.is(2, Varint)) image.width = field.integer();
    if (field.is(3, Varint)) image.colours = field.integer();
    if (field.is(4, Delimited)) image.png = field.bytes();
  }
  return image;
}

void decode_doubles(const Fields& field, std::vector<double>& values) {
  if (field.bytes().size() % sizeof(double) != 0) throw Malformed{"packed numbers of a broken size"};
  for (size_t at = 0; at < field.bytes().size(); at += sizeof(double)) {
    values.push_back(load<double>(field.bytes().substr(at)));
  }
}

EventHistogram decode_histogram(std::string_view bytes) {
  EventHistogram histogram;
  for (Fields field(bytes); field.next();) {
    if (field.is(1, Fixed64)) histogram.min = field.number<double>();
    if (field.is(2, Fixed64)) histogram.max = field.number<double>();
    if (field.is(3, Fixed64)) histogram.count = field.number<double>();
    if (field.is(4, Fixed64)) histogram.sum = field.number<double>();
    if (field.is(5, Fixed64)) histogram.sum_of_squares = field.number<double>();
    if (field.is(6, Delimited)) decode_doubles(field, histogram.limits);
    if (field.is(7, Delimited)) decode_doubles(field, histogram.counts);
  }
  return histogram;
}

// A scalar as newer writers put it: a tensor of one float, in float_val or as raw bytes.
std::optional<float> decode_tensor(std::string_view bytes) {
  constexpr int64_t float_type = 1;
  int64_t type = 0;
  std::string_view values;
  for (Fields field(bytes); field.next();) {
    if (field.is(1, Varint)) type = field.integer();
    if (field.is(4, Delimited) || field.is(5, Delimited) || field.is(5, Fixed32)) values = field.bytes();
  }
  if (type != float_type || values.size() != sizeof(float)) return std::nullopt;
  return load<float>(values);
}

EventValue decode_value(std::string_view bytes) {
  EventValue value;
  for (Fields field(bytes); field.next();) {
    if (field.is(1, Delimited)) value.tag = field.bytes();
    if (field.is(2, Fixed32)) value.scalar = field.number<float>();
    if (field.is(4, Delimited)) value.image = decode_image(field.bytes());
    if (field.is(5, Delimited)) value.histogram = decode_histogram(field.bytes());
    if (field.is(8, Delimited)) value.scalar = decode_tensor(field.bytes());
  }
  return value;
}

Event decode_event(std::string_view bytes) {
  Event event;
  for (Fields field(bytes); field.next();) {
    if (field.is(1, Fixed64)) event.wall_time = field.number<double>();
    if (field.is(2, Varint)) event.step = field.integer();
    if (field.is(3, Delimited)) event.file_version = field.bytes();
    if (!field.is(5, Delimited)) continue;
    for (Fields summary(field.bytes()); summary.next();)
      if (summary.is(1, Delimited)) event.values.push_back(decode_value(summary.bytes()));
  }
  return event;
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// events.out.tfevents.<seconds, ten digits>.<host>.<pid>.<number in this process>
std::string new_file_name() {
  static std::atomic<int> counter{0};
  std::array<char, 65> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host = {"localhost"};
  std::array<char, 24> seconds{};
  (void)std::snprintf(seconds.data(), seconds.size(), "%010lld", static_cast<long long>(now()));
  return detail::concatenate(kPrefix, seconds.data(), ".", host.data(), ".", ::getpid(), ".", counter++);
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint64_t crc = 0xFFFFFFFF;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) crc = _mm_crc32_u64(crc, load<uint64_t>(bytes));
  auto tail = static_cast<uint32_t>(crc);
  for (const char byte : bytes) tail = _mm_crc32_u8(tail, static_cast<unsigned char>(byte));
  return ~tail;
}

uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xA282EAD8U;
}

std::string encode_event(const Event& event) {
  std::string message;
  put_double(message, 1, event.wall_time);
  put_integer(message, 2, event.step);
  if (!event.file_version.empty()) put_bytes(message, 3, event.file_version);
  if (!event.values.empty()) {
    std::string summary;
    for (const EventValue& value : event.values) put_bytes(summary, 1, encode_value(value));
    put_bytes(message, 5, summary);
  }
  std::string record;
  put_raw(record, static_cast<uint64_t>(message.size()));
  put_raw(record, masked_crc32c(record));
  record += message;
  put_raw(record, masked_crc32c(message));
  return record;
}

EventLog read_events(std::span<const std::byte> bytes) {
  EventLog log;
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto stop = [&](const auto&... parts) {
    log.problem = detail::concatenate("record at byte ", log.good_bytes, ": ", parts...);
    return log;
  };
  while (!rest.empty()) {
    if (rest.size() < kLengthBytes + kCrcBytes) return stop("cut off in its length");
    const auto length = load<uint64_t>(rest);
    if (load<uint32_t>(rest.substr(kLengthBytes)) != masked_crc32c(rest.substr(0, kLengthBytes)))
      return stop("the checksum of its length is wrong");
    rest.remove_prefix(kLengthBytes + kCrcBytes);
    if (rest.size() < kCrcBytes || length > rest.size() - kCrcBytes)
      return stop("cut off, expected ", length, " bytes and a checksum, found ", rest.size());
    const std::string_view message = rest.substr(0, length);
    if (load<uint32_t>(rest.substr(length)) != masked_crc32c(message))
      return stop("the checksum of its content is wrong");
    try {
      log.events.push_back(decode_event(message));
    } catch (const Malformed& malformed) {
      return stop("malformed message: ", malformed.what);
    }
    rest.remove_prefix(length + kCrcBytes);
    log.good_bytes = bytes.size() - rest.size();
  }
  return log;
}

EventLog read_event_file(const std::string& path) {
  const MappedFile file(path);
  EventLog log = read_events(file.bytes());
  if (!log.problem.empty()) log.problem.insert(0, path + ": ");
  return log;
}

std::vector<std::string> find_event_files(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().filename().string().starts_with(kPrefix)) files.push_back(entry.path().string());
  if (error) fail(folder, ": cannot list event files: ", error.message());
  std::sort(files.begin(), files.end());
  return files;
}

EventWriter::EventWriter(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(folder, ": cannot make the folder for event files: ", error.message());
  path_ = folder + "/" + new_file_name();
  file_ = detail::file_calls.open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) fail(path_, ": cannot make the event file: ", std::generic_category().message(errno));
  try {
    add({.wall_time = now(), .step = 0, .file_version = std::string(kVersion), .values = {}});
  } catch (...) {
    ::close(file_);
    ::unlink(path_.c_str());
    throw;
  }
}

EventWriter::~EventWriter() {
  ::close(file_);
}

void EventWriter::add(const Event& event) {
  const std::string record = encode_event(event);
  for (size_t done = 0; done < record.size();) {
    const ssize_t written = detail::file_calls.write(file_, record.data() + done, record.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int error = written < 0 ? errno : EIO;
      // Readers stop at a torn record, for good: take its beginning back.
      if (done > 0 && ::ftruncate(file_, static_cast<off_t>(size_)) != 0)
        fail(path_,
             ": cannot write and the file now ends in part of a record: ", std::generic_category().message(error));
      fail(path_, ": cannot write: ", std::generic_category().message(error));
    }
    done += static_cast<size_t>(written);
  }
  size_ += record.size();
}

void EventWriter::scalar(const std::string& tag, double value, int64_t step) {
  add({.wall_time = now(),
       .step = step,
       .file_version = {},
       .values = {{.tag = tag, .scalar = static_cast<float>(value), .image = {}, .histogram = {}}}});
}

void EventWriter::image(const std::string& tag, EventImage image, int64_t step) {
  add({.wall_time = now(),
       .step = step,
       .file_version = {},
       .values = {{.tag = tag, .scalar = {}, .image = std::move(image), .histogram = {}}}});
}

void EventWriter::histogram(const std::string& tag, std::span<const float> values, int64_t step) {
  constexpr size_t buckets = 64;
  EventHistogram histogram;
  bool first = true;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    histogram.min = first ? value : std::min<double>(histogram.min, value);
    histogram.max = first ? value : std::max<double>(histogram.max, value);
    histogram.count += 1;
    histogram.sum += value;
    histogram.sum_of_squares += static_cast<double>(value) * value;
    first = false;
  }
  const double width = (histogram.max - histogram.min) / buckets;
  histogram.counts.resize(buckets);
  for (size_t i = 0; i < buckets; ++i)
    histogram.limits.push_back(i + 1 == buckets ? histogram.max : histogram.min + width * static_cast<double>(i + 1));
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const auto bucket =
        std::lower_bound(histogram.limits.begin(), histogram.limits.end() - 1, value) - histogram.limits.begin();
    histogram.counts[static_cast<size_t>(bucket)] += 1;
  }
  add({.wall_time = now(),
       .step = step,
       .file_version = {},
       .values = {{.tag = tag, .scalar = {}, .image = {}, .histogram = std::move(histogram)}}});
}

void EventWriter::sync() {
  while (detail::file_calls.fsync(file_) != 0)
    if (errno != EINTR) fail(path_, ": cannot sync to disk: ", std::generic_category().message(errno));
}

}  // namespace strata
