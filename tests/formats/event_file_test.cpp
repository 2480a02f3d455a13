#include "strata/formats/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/file_calls.h"
#include "strata/base/random.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    char digits[3];
    (void)std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(byte));
    text += digits;
  }
  return text;
}

EventValue scalar_value(const std::string& tag, float value) {
  return {.tag = tag, .scalar = value, .image = {}, .histogram = {}};
}

TEST(EventFile, Checksum) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(""), 0U);
}

// Records as TensorFlow writes them.
TEST(EventFile, GoldenRecords) {
  EXPECT_EQ(hex(encode_event({.wall_time = 1.0, .step = 0, .file_version = "brain.Event:2", .values = {}})),
            "1800000000000000a37f4b2209000000000000f03f1a0d627261696e2e4576656e743a3286bf577a");
  EXPECT_EQ(
      hex(encode_event({.wall_time = 2.0, .step = 7, .file_version = {}, .values = {scalar_value("loss", 0.5F)}})),
      "1a00000000000000129bd82d09000000000000004010072a0d0a0b0a046c6f7373150000003fc33fc24a");
}

TEST(EventFile, ReadsWhatTensorBoardWrote) {
  const EventLog log = read_event_file("tests/golden/tensorboard.tfevents");
  EXPECT_EQ(log.problem, "");
  ASSERT_EQ(log.events.size(), 9U);
  EXPECT_EQ(log.events[0].file_version, "brain.Event:2");
  const auto value = [&](size_t event) { return log.events[event].values.at(0); };
  EXPECT_EQ(log.events[2].wall_time, 1001.5);
  EXPECT_EQ(log.events[2].step, 10);
  EXPECT_EQ(value(1).tag, "simple");
  EXPECT_EQ(value(1).scalar, 0.25F);
  EXPECT_EQ(value(2).scalar, 0.0F);
  EXPECT_EQ(value(3).scalar, 1.5F);
  EXPECT_EQ(value(4).scalar, -2.5F);
  EXPECT_EQ(value(5).scalar, std::nullopt);
  const EventImage image = value(6).image.value_or(EventImage{});
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.colours, 3);
  EXPECT_EQ(image.png, "\x89PNG");
  const EventHistogram histogram = value(7).histogram.value_or(EventHistogram{});
  EXPECT_EQ(histogram.min, -1);
  EXPECT_EQ(histogram.sum_of_squares, 5.25);
  EXPECT_THAT(histogram.limits, ElementsAre(0, 1, 2));
  EXPECT_THAT(histogram.counts, ElementsAre(1, 0, 2));
  EXPECT_EQ(log.events[8].step, -1);
  EXPECT_EQ(log.events[8].values.size(), 2U);
}

TEST(EventFile, WritesTheBytesOfTensorBoard) {
  const std::string file = read_text("tests/golden/tensorboard.tfevents", 1 << 20);
  const EventLog log = read_event_file("tests/golden/tensorboard.tfevents");
  // All kinds that we write: plain scalars, pictures, histograms, several values in one event.
  for (const size_t event : {1, 2, 6, 7, 8}) EXPECT_THAT(file, HasSubstr(encode_event(log.events[event]))) << event;
}

TEST(EventFile, WriterAndReaderAgree) {
  const TemporaryFolder folder;
  EventWriter writer(folder.file("run"));
  writer.scalar("loss", 0.5, 3);
  writer.image("map", {.height = 1, .width = 2, .colours = 1, .png = std::string("\0\x01", 2)}, 4);
  const std::vector<float> values = {
      -1, 0, 0, 1, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
  writer.histogram("weights", values, 5);
  writer.histogram("same", std::vector<float>{2, 2}, 6);
  writer.histogram("none", {}, 7);
  writer.sync();
  const EventLog log = read_event_file(writer.path());
  EXPECT_EQ(log.problem, "");
  ASSERT_EQ(log.events.size(), 6U);
  EXPECT_GT(log.events[0].wall_time, 1.7e9);
  EXPECT_EQ(log.events[1].values[0].scalar, 0.5F);
  EXPECT_EQ(log.events[1].step, 3);
  EXPECT_EQ(log.events[2].values[0].image.value_or(EventImage{}).png.size(), 2U);
  const auto written = [&](size_t event) { return log.events[event].values[0].histogram.value_or(EventHistogram{}); };
  const EventHistogram histogram = written(3);
  EXPECT_EQ(histogram.count, 4);
  EXPECT_EQ(histogram.sum_of_squares, 2);
  ASSERT_EQ(histogram.counts.size(), 64U);
  EXPECT_EQ(histogram.counts[0], 1);
  EXPECT_EQ(histogram.counts[31], 2) << "0 is the upper end of bucket 31";
  EXPECT_EQ(histogram.counts[63], 1);
  EXPECT_EQ(written(4).counts.at(0), 2);
  EXPECT_EQ(written(5).count, 0);
}

TEST(EventFile, AResumedRunAddsAFile) {
  const TemporaryFolder folder;
  {
    EventWriter(folder.path()).scalar("a", 1, 1);
  }
  {
    EventWriter(folder.path()).scalar("a", 2, 2);
  }
  const auto files = find_event_files(folder.path());
  ASSERT_EQ(files.size(), 2U);
  EXPECT_THAT(fs::path(files[0]).filename().string(),
              testing::MatchesRegex("events\\.out\\.tfevents\\.[0-9]+\\..+\\.[0-9]+\\.[0-9]+"));
  EXPECT_EQ(read_event_file(files[0]).events[1].values[0].scalar, 1.0F);
  EXPECT_EQ(read_event_file(files[1]).events[1].values[0].scalar, 2.0F);
  EXPECT_THROW(find_event_files(folder.file("none")), Error);
  EXPECT_THROW(EventWriter writer(files[0]), Error);
}

// A record that the disk takes only in part must not stay: no reader would see what follows it.
TEST(EventFile, FullDiskLeavesWholeRecords) {
  const TemporaryFolder folder;
  EventWriter writer(folder.path());
  writer.scalar("loss", 1, 1);
  const auto saved = detail::file_calls;
  static int calls;
  for (const int room : {0, 1}) {
    calls = room;
    detail::file_calls.write = [](int file, const void* data, size_t size) -> ssize_t {
      if (calls-- > 0) return ::write(file, data, size / 2);
      errno = ENOSPC;
      return -1;
    };
    EXPECT_THROW(writer.scalar("loss", 2, 2), Error);
    detail::file_calls = saved;
    const EventLog log = read_event_file(writer.path());
    EXPECT_EQ(log.problem, "");
    EXPECT_EQ(log.events.size(), 2U);
  }
  writer.scalar("loss", 3, 3);
  EXPECT_EQ(read_event_file(writer.path()).events.size(), 3U);
}

TEST(EventFile, EveryCutAndEveryFlippedBitIsNoticed) {
  std::string file;
  std::vector<size_t> ends = {0};
  for (int step = 0; step < 3; ++step) {
    file += encode_event({.wall_time = 5.0, .step = step, .file_version = {}, .values = {scalar_value("x", 1.0F)}});
    ends.push_back(file.size());
  }
  for (size_t cut = 0; cut <= file.size(); ++cut) {
    const EventLog log = read_events(std::as_bytes(std::span(file).first(cut)));
    const auto whole = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), cut) - ends.begin() - 1);
    EXPECT_EQ(log.events.size(), whole) << cut;
    EXPECT_EQ(log.good_bytes, ends[whole]);
    EXPECT_EQ(log.problem.empty(), cut == ends[whole]);
  }
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(read_events(std::as_bytes(std::span(damaged))).problem, "") << bit;
  }
}

TEST(EventFile, StopsAtEveryFaultOfTheCorpusForTheRightReason) {
  const std::map<std::string, std::string> faults = {
      {"bad_cut_length", "record at byte 40: cut off in its length"},
      {"bad_length_checksum", "record at byte 40: the checksum of its length is wrong"},
      {"bad_cut_content", "record at byte 0: cut off, expected 24 bytes and a checksum, found 23"},
      {"bad_no_content_checksum", "cut off, expected 24 bytes and a checksum, found 0"},
      {"bad_huge_length", "cut off, expected 18446744073709551615 bytes"},
      {"bad_content_checksum", "the checksum of its content is wrong"},
      {"bad_wire_type", "malformed message: unknown wire type"},
      {"bad_long_number", "malformed message: number longer than ten bytes"},
      {"bad_long_field", "malformed message: field longer than its message"},
      {"bad_cut_number", "malformed message: field longer than its message"},
      {"bad_cut_double", "malformed message: field longer than its message"},
      {"bad_packed_size", "malformed message: packed numbers of a broken size"},
  };
  size_t bad_files = 0;
  for (const auto& file : fs::directory_iterator("tests/fuzz/corpus/event_file")) {
    const std::string name = file.path().filename().string();
    SCOPED_TRACE(name);
    const EventLog log = read_event_file(file.path());
    if (name.starts_with("good_")) {
      EXPECT_EQ(log.problem, "");
      continue;
    }
    ++bad_files;
    ASSERT_EQ(faults.count(name), 1U);
    EXPECT_THAT(log.problem, HasSubstr(faults.at(name)));
  }
  EXPECT_EQ(bad_files, faults.size());
}

}  // namespace
}  // namespace strata
