#include "strata/formats/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <map>

#include "strata/base/error.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kCorpus = "tests/fuzz/corpus/idx/";

template <class T>
std::vector<T> numbers(const IdxArray& array) {
  std::vector<T> values(array.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

TEST(Idx, ReadsEveryType) {
  const IdxArray images = read_idx(kCorpus + "good_bytes");
  EXPECT_EQ(images.type, IdxType::U8);
  EXPECT_THAT(images.shape, ElementsAre(2, 2, 3));
  EXPECT_THAT(numbers<uint8_t>(images), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(numbers<int8_t>(read_idx(kCorpus + "good_signed")), ElementsAre(-1, 1));
  EXPECT_THAT(numbers<int16_t>(read_idx(kCorpus + "good_int16")), ElementsAre(-2, 300));
  EXPECT_THAT(numbers<int32_t>(read_idx(kCorpus + "good_int32")), ElementsAre(-70000));
  EXPECT_THAT(numbers<float>(read_idx(kCorpus + "good_float")), ElementsAre(1.5F, -2.0F));
  EXPECT_THAT(numbers<double>(read_idx(kCorpus + "good_double")), ElementsAre(1e300));
  EXPECT_THAT(read_idx(kCorpus + "good_empty").shape, ElementsAre(0, 5));
}

TEST(Idx, ReadsCompressedFilesTheSame) {
  EXPECT_EQ(read_idx(kCorpus + "good_gzip").bytes, read_idx(kCorpus + "good_bytes").bytes);
  EXPECT_EQ(read_idx(kCorpus + "good_gzip_zeros").bytes, std::vector<std::byte>(1'000'000));
  EXPECT_TRUE(read_idx(kCorpus + "good_gzip_empty").bytes.empty());
}

TEST(Idx, RefusesEveryFileOfTheCorpusForTheRightReason) {
  const std::map<std::string, std::string> faults = {
      {"bad_short", "at least 4 bytes"},
      {"bad_start", "expected the start of an IDX file (0, 0, a type code, a rank), found 0, 1, 8, 1"},
      {"bad_type", "found 0, 0, 10, 1"},
      {"bad_no_rank", "1 to 8 dimensions, found 0"},
      {"bad_rank", "1 to 8 dimensions, found 9"},
      {"bad_cut_header", "expected 2 dimensions in the header, found the end of the file"},
      {"bad_cut_data", "expected 12 bytes of data as the header says, found fewer (at most 11)"},
      {"bad_rest", "expected the end of the file after the data"},
      {"bad_overflow", "found an overflow"},
      {"bad_huge", "expected 9223372034707292160 bytes of data as the header says, found fewer (at most 0)"},
      {"bad_gzip_huge", "expected 9223372034707292160 bytes of data as the header says, found fewer"},
      {"bad_gzip_claims_more", "expected 3000 bytes of data as the header says, found 100"},
      {"bad_gzip_more_data", "expected the end of the file after the data"},
      {"bad_gzip_rest", "expected the end of the file after the data"},
      {"bad_gzip_cut", "damaged gzip data: it is cut off"},
      {"bad_gzip_cut_checksum", "damaged gzip data: it is cut off"},
      {"bad_gzip_checksum", "damaged gzip data: incorrect data check"},
      {"bad_gzip_start", "damaged gzip data: unknown compression method"},
      {"bad_gzip_block", "damaged gzip data: invalid"},
  };
  size_t bad_files = 0;
  for (const auto& file : std::filesystem::directory_iterator(kCorpus)) {
    const std::string name = file.path().filename().string();
    SCOPED_TRACE(name);
    std::string message;
    try {
      read_idx(file.path());
    } catch (const Error& error) {
      message = error.what();
    }
    if (name.starts_with("good_")) {
      EXPECT_EQ(message, "");
      continue;
    }
    ++bad_files;
    ASSERT_EQ(faults.count(name), 1U);
    EXPECT_THAT(message, HasSubstr(faults.at(name)));
    EXPECT_THAT(message, HasSubstr(kCorpus + name));
  }
  EXPECT_EQ(bad_files, faults.size());
}

}  // namespace
}  // namespace strata
