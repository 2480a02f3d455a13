#include "strata/formats/safetensors.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <fstream>
#include <utility>

#include "strata/base/error.h"
#include "strata/base/process.h"
#include "tests/sanitizer.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::string message_of(const std::string& path) {
  try {
    const Safetensors file(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string letters(size_t count, char letter) {
  std::string text;
  text.resize(count, letter);
  return text;
}

std::string bytes_of(const std::string& path) {
  return read_text(path, 1 << 20);
}

// A file with the given header text and number of zero bytes as data, without writing the zeros.
std::string sparse_file(const TemporaryFolder& folder, const std::string& header, uint64_t data_bytes,
                        uint64_t length) {
  const std::string path = folder.file("attack.safetensors");
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof length);
  file << header;
  file.close();
  fs::resize_file(path, 8 + std::max<uint64_t>(length, header.size()) + data_bytes);
  return path;
}

std::string entry(const std::string& name, const std::string& shape, uint64_t begin, uint64_t end) {
  return "\"" + name + "\":{\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":[" + std::to_string(begin) +
         "," + std::to_string(end) + "]}";
}

TEST(Safetensors, ReadsWhatTheReferenceWrote) {
  const Safetensors file("tests/golden/types.safetensors");
  EXPECT_EQ(file.tensors().size(), 16U);
  EXPECT_EQ(file.metadata(), (Metadata{{"format", "pt"}}));
  const TensorView& zebra = file.at("zebra");
  EXPECT_EQ(zebra.dtype, DType::F32);
  EXPECT_EQ(zebra.shape, (std::vector<int64_t>{2, 3}));
  float last = 0;
  std::memcpy(&last, zebra.bytes.data() + 20, 4);
  EXPECT_EQ(last, 5.0F);
  EXPECT_TRUE(file.at("apple").shape.empty());
  EXPECT_EQ(file.at("empty").shape, (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(file.at("empty").bytes.size(), 0U);
  uint64_t count = 0;
  std::memcpy(&count, file.at("count").bytes.data(), 8);
  EXPECT_EQ(count, ~uint64_t{0});
  EXPECT_NE(file.find("quote \" back \\ tab \t bell \x07 del \x7f ü 猫"), nullptr);
  EXPECT_EQ(file.find("zebr"), nullptr);
  try {
    (void)file.at("zebr");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no tensor 'zebr' (did you mean 'zebra'?)"));
  }
}

TEST(Safetensors, WritesTheBytesOfTheReference) {
  for (const std::string name : {"types", "no_metadata"}) {
    const std::string golden = "tests/golden/" + name + ".safetensors";
    const Safetensors file(golden);
    const TemporaryFolder folder;
    std::vector<TensorView> shuffled(file.tensors().rbegin(), file.tensors().rend());
    write_safetensors(folder.file("copy"), shuffled, file.metadata());
    EXPECT_EQ(bytes_of(folder.file("copy")), bytes_of(golden)) << name;
  }
}

TEST(Safetensors, WritesEveryTypeInOrder) {
  const std::vector<std::byte> data(48);
  std::vector<TensorView> tensors;
  for (int i = 0; i <= static_cast<int>(DType::U64); ++i)
    tensors.push_back({.name = std::to_string(i), .dtype = static_cast<DType>(i), .shape = {4}, .bytes = {}});
  for (TensorView& tensor : tensors) tensor.bytes = std::span(data).first(tensor_bytes("", tensor.dtype, tensor.shape));
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"), tensors);
  const Safetensors file(folder.file("a"));
  ASSERT_EQ(file.tensors().size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(file.tensors()[i].dtype, tensors[tensors.size() - 1 - i].dtype);
    EXPECT_EQ(dtype_from_name(dtype_name(tensors[i].dtype)), tensors[i].dtype);
  }
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file.tensors().front().bytes.data()) % 8, 0U);
}

TEST(Safetensors, RefusesToWriteNonsense) {
  const TemporaryFolder folder;
  const std::vector<std::byte> data(8);
  const auto message = [&](std::vector<TensorView> tensors, const Metadata& metadata = {}) -> std::string {
    try {
      write_safetensors(folder.file("a"), tensors, metadata);
    } catch (const Error& error) {
      EXPECT_TRUE(fs::is_empty(folder.path()));
      return error.what();
    }
    return "";
  };
  const TensorView good{"a", DType::F32, {2}, data};
  EXPECT_THAT(message({good, good}), HasSubstr("found 'a' a second time"));
  EXPECT_THAT(message({{"__metadata__", DType::F32, {2}, data}}), HasSubstr("this one is reserved"));
  EXPECT_THAT(message({{"a", DType::F32, {3}, data}}), HasSubstr("expected 12 bytes for its type and shape, found 8"));
  EXPECT_THAT(message({{"a", DType::F32, {-2}, data}}), HasSubstr("dimensions of at least 0, found -2"));
  EXPECT_THAT(message({{"\xff", DType::F32, {2}, data}}), HasSubstr("in UTF-8"));
  EXPECT_THAT(message({good}, {{"k", "\xc3"}}), HasSubstr("in UTF-8"));
  EXPECT_THAT(message({good}, {{"k", letters(100'000'001, 'x')}}), HasSubstr("header of at most 100000000 bytes"));
}

TEST(Safetensors, SkipsUnknownTypesOnRequest) {
  const Safetensors file("tests/fuzz/corpus/safetensors/bad_dtype_unknown", {.skip_unknown_dtypes = true});
  EXPECT_TRUE(file.tensors().empty());
  EXPECT_EQ(file.skipped(), std::vector<std::string>{"a"});
}

// Every file of the corpus with the part of the message that tells its fault from the others'.
TEST(Safetensors, RefusesEveryFileOfTheCorpusForTheRightReason) {
  const std::map<std::string, std::string> faults = {
      {"bad_too_short", "at least 8 bytes, found 7"},
      {"bad_header_too_long", "at most 100000000 bytes, found a length of 100000001"},
      {"bad_length_beyond_file", "expected 3 bytes of header after the first 8, found 2"},
      {"bad_length_huge", "found a length of 18446744073709551615"},
      {"bad_empty_header", "starts with '{'"},
      {"bad_leading_space", "starts with '{'"},
      {"bad_not_an_object", "starts with '{'"},
      {"bad_cut_json", "malformed JSON"},
      {"bad_nul_after_json", "byte 2 is NUL"},
      {"bad_rest_after_json", "malformed JSON"},
      {"bad_utf8", "malformed JSON"},
      {"bad_lone_surrogate", "malformed JSON"},
      {"bad_nesting", "at most 128 levels"},
      {"bad_nesting_objects", "at most 128 levels"},
      {"bad_metadata_twice", "expected __metadata__ once, found it a second time"},
      {"bad_metadata_key_twice", "__metadata__: expected each key once, found 'a' a second time"},
      {"bad_metadata_number", "expected text for key 'a', found the number 1"},
      {"bad_metadata_list", "__metadata__: expected an object, found a list"},
      {"bad_metadata_null", "__metadata__: expected an object, found null"},
      {"bad_entry_number", "tensor 'a': expected an object with dtype, shape and data_offsets, found the number 1"},
      {"bad_entry_list", "data_offsets, found a list"},
      {"bad_entry_text", "data_offsets, found the text 'F32'"},
      {"bad_entry_true", "data_offsets, found true"},
      {"bad_no_dtype", "found no dtype"},
      {"bad_no_shape", "found no shape"},
      {"bad_no_offsets", "found no data_offsets"},
      {"bad_dtype_twice", "found 'dtype' a second time"},
      {"bad_shape_twice", "found 'shape' a second time"},
      {"bad_offsets_twice", "found 'data_offsets' a second time"},
      {"bad_dtype_unknown", "expected a type of the format (F32, BF16, ...), found 'F31'"},
      {"bad_dtype_number", "expected the name of a type as dtype, found the number 32"},
      {"bad_shape_object", "expected a list as shape, found an object"},
      {"bad_shape_number", "expected a list as shape, found the number 1"},
      {"bad_dimension_negative", "in shape, found the negative number -1"},
      {"bad_dimension_float", "in shape, found the number 1.0"},
      {"bad_dimension_text", "in shape, found the text '1'"},
      {"bad_dimension_above_int64", "in shape, found the number 9223372036854775808"},
      {"bad_dimension_above_uint64", "in shape, found the number 18446744073709551616"},
      {"bad_rank", "in shape, found more than 64"},
      {"bad_offsets_number", "expected a list as data_offsets, found the number 4"},
      {"bad_offsets_one", "two unsigned 64-bit numbers as data_offsets, found 1 of them"},
      {"bad_offsets_three", "two unsigned 64-bit numbers as data_offsets, found a third"},
      {"bad_offset_above_uint64", "as data_offsets, found the number 18446744073709551620"},
      {"bad_offset_above_2_53", "found [9007199254740993, 9007199254740997]"},
      {"bad_offset_null", "as data_offsets, found null"},
      {"bad_end_before_begin", "data_offsets that rise within the 4 bytes of data, found [4, 0]"},
      {"bad_end_beyond_data", "data_offsets that rise within the 4 bytes of data, found [0, 8]"},
      {"bad_shape_overflow", "found an overflow"},
      {"bad_shape_wraps_to_4_bytes", "found an overflow"},
      {"bad_bits_overflow", "found an overflow"},
      {"bad_size", "expected 8 bytes for its type and shape, found 4"},
      {"bad_part_of_a_byte", "expected whole bytes, found 28 bits of F4"},
      {"bad_same_name", "expected each tensor once, found 'a' a second time"},
      {"bad_overlap", "tensor 'b': expected tensors that do not overlap"},
      {"bad_overlap_within_the_data", "tensor 'b': expected its data to begin at 4, where the previous ends, found 2"},
      {"bad_hole", "tensor 'b': expected its data to begin at 4, where the previous ends, found 8"},
      {"bad_begin", "tensor 'a': expected its data to begin at 0, where the previous ends, found 4"},
      {"bad_trailing_data", "expected 4 bytes of data as the header says, found 5"},
  };
  const std::string corpus = "tests/fuzz/corpus/safetensors/";
  size_t bad_files = 0;
  for (const auto& file : fs::directory_iterator(corpus)) {
    const std::string name = file.path().filename().string();
    SCOPED_TRACE(name);
    if (name.starts_with("good_")) {
      EXPECT_EQ(message_of(file.path()), "");
      continue;
    }
    ++bad_files;
    ASSERT_EQ(faults.count(name), 1U);
    EXPECT_THAT(message_of(file.path()), HasSubstr(faults.at(name)));
    EXPECT_THAT(message_of(file.path()), HasSubstr(corpus + name));
  }
  EXPECT_EQ(bad_files, faults.size());
}

// The attacks of safetensors' own repository and more, at full size: each refused quickly and in little memory.
class SafetensorsAttack : public testing::TestWithParam<std::pair<const char*, const char*>> {};

std::string write_attack(const TemporaryFolder& folder, const std::string& kind) {
  if (kind == "a header of NUL") return sparse_file(folder, "{}", 0, 99'999'999);
  std::string header = "{";
  if (kind == "ten million tensors claim the same bytes")
    return sparse_file(folder, "{" + entry("weight_0", "[2]", 0, 8), 8, 10'000'000ULL * 60);
  if (kind == "header full of tensors that claim the same bytes") {
    std::string thousand;
    for (int i = 0; i < 1000; ++i) thousand += entry("weight_" + std::to_string(i), "[2]", 0, 8) + ",";
    while (header.size() + thousand.size() < 99'000'000) header += thousand;
    header += entry("last", "[2]", 0, 8) + "}";
    return sparse_file(folder, header, 8, header.size());
  }
  if (kind == "memory amplification") {
    for (int i = 0; i < 100'000; ++i) header += entry("weight_" + std::to_string(i), "[200,200]", 0, 160'000) + ",";
    header += entry("last", "[200,200]", 0, 160'000) + "}";
    return sparse_file(folder, header, 160'000, header.size());
  }
  if (kind == "header above 100 MB") return sparse_file(folder, "{}", 0, 100'000'001);
  if (kind == "nesting lists") return sparse_file(folder, "{\"a\":{\"x\":" + letters(50'000'000, '['), 0, 50'000'010);
  if (kind == "nesting at the outside") return sparse_file(folder, "{\"a\":" + letters(50'000'000, '['), 0, 50'000'005);
  if (kind == "a name of 4 GiB") return sparse_file(folder, "{\"" + std::string(1000, 'n'), 0, uint64_t{4} << 30);
  if (kind == "a shape of ones") {
    header += "\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4],\"shape\":[1";
    std::string thousand;
    for (int i = 0; i < 1000; ++i) thousand += ",1";
    while (header.size() < 50'000'000) header += thousand;
    header += "]}}";
    return sparse_file(folder, header, 4, header.size());
  }
  return "";
}

// Time of the processor, not of the clock on the wall: the machine may be busy with other tests.
double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

TEST_P(SafetensorsAttack, IsRefusedQuicklyInLittleMemory) {
  const auto [kind, reason] = GetParam();
  const TemporaryFolder folder;
  const std::string path = write_attack(folder, kind);
  ASSERT_FALSE(path.empty());
  int channel[2];
  ASSERT_EQ(::pipe(channel), 0);
  // A process of its own, so that its memory can be bounded: 64 MiB on top of what the tests use, besides the map of
  // the file.
  const pid_t child = ::fork();
  if (child == 0) {
    if (!kAddressSanitizer) {
      uint64_t pages = 0;
      std::ifstream("/proc/self/statm") >> pages;
      const uint64_t limit = pages * 4096 + fs::file_size(path) + (uint64_t{64} << 20);
      const rlimit bound{limit, limit};
      if (::setrlimit(RLIMIT_AS, &bound) != 0) ::_exit(2);
    }
    const double start = processor_seconds();
    const std::string message = message_of(path);
    const double seconds = processor_seconds() - start;
    const std::string report = std::to_string(seconds) + " " + message;
    (void)!::write(channel[1], report.data(), std::min<size_t>(report.size(), 4000));
    ::_exit(0);
  }
  ::close(channel[1]);
  std::string report(4000, '\0');
  report.resize(std::max<ssize_t>(0, ::read(channel[0], report.data(), report.size())));
  ::close(channel[0]);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "died of memory or a crash";
  EXPECT_THAT(report, HasSubstr(reason));
  EXPECT_LT(std::atof(report.c_str()), 0.1);
}

INSTANTIATE_TEST_SUITE_P(
    All, SafetensorsAttack,
    testing::Values(std::pair("a header of NUL", "malformed JSON"),
                    std::pair("ten million tensors claim the same bytes", "at most 100000000 bytes"),
                    std::pair("header full of tensors that claim the same bytes", "do not overlap"),
                    std::pair("memory amplification", "do not overlap"),
                    std::pair("header above 100 MB", "at most 100000000 bytes"),
                    std::pair("nesting lists", "at most 128 levels"),
                    std::pair("nesting at the outside", "found a list"),
                    std::pair("a name of 4 GiB", "at most 100000000 bytes"),
                    std::pair("a shape of ones", "more than 64")));

}  // namespace
}  // namespace strata
