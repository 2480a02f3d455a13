#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

/// A PNG picture in an event file.
struct EventImage {
  int64_t height = 0;
  int64_t width = 0;
  int64_t colours = 3;  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  std::string png;
};

/// Counts per bucket: bucket i holds the values in (limits[i-1], limits[i]].
struct EventHistogram {
  double min = 0, max = 0, count = 0, sum = 0, sum_of_squares = 0;
  std::vector<double> limits;
  std::vector<double> counts;
};

/// One named value of a step; at most one of the three is set (none: a kind we do not read, such as text).
struct EventValue {
  std::string tag;
  std::optional<float> scalar;
  std::optional<EventImage> image;
  std::optional<EventHistogram> histogram;
};

/// One record of a TensorBoard event file (protobuf message tensorflow.Event).
struct Event {
  double wall_time = 0;  // seconds since 1970
  int64_t step = 0;
  std::string file_version;  // "brain.Event:2" in the first record
  std::vector<EventValue> values;
};

/// CRC-32C (Castagnoli) and the rotated form that guards records.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

/// The bytes of a record: length, its checksum, the message, its checksum.
std::string encode_event(const Event& event);

/// What an event file holds, up to the first record that is cut off, damaged or malformed, as TensorBoard reads it. A
/// file that is still being written may end in the middle of a record.
struct EventLog {
  std::vector<Event> events;
  uint64_t good_bytes = 0;
  std::string problem;  // empty when every byte was read
};
EventLog read_events(std::span<const std::byte> bytes);
/// Throws Error only when the file cannot be read at all.
EventLog read_event_file(const std::string& path);
/// The event files of a folder, oldest first.
std::vector<std::string> find_event_files(const std::string& folder);

/// Appends to a new event file of a folder: a run that resumes adds a file and leaves the older ones alone, as
/// TensorBoard expects. Every call hands one whole record to the kernel, so that a reader or a crash finds whole
/// records only; on a full disk the rest of a record is cut off again and Error is thrown.
class EventWriter {
 public:
  /// Makes the folder when needed.
  explicit EventWriter(const std::string& folder);
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;
  ~EventWriter();

  const std::string& path() const { return path_; }
  void scalar(const std::string& tag, double value, int64_t step);
  void image(const std::string& tag, EventImage image, int64_t step);
  /// 64 buckets of equal width between the least and the greatest value; values that are not finite are left out.
  void histogram(const std::string& tag, std::span<const float> values, int64_t step);
  void add(const Event& event);
  /// Waits until everything is on the disk.
  void sync();

 private:
  std::string path_;
  int file_ = -1;
  uint64_t size_ = 0;
};

}  // namespace strata
