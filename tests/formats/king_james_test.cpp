#include "strata/formats/king_james.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "strata/base/checksum.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

class KingJames : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kKingJamesFile)) GTEST_SKIP() << "Debian's package bible-kjv-text is not installed";
  }
};

TEST_F(KingJames, BooksWithoutLabels) {
  const std::vector<std::string> books = read_king_james(kKingJamesFile);
  ASSERT_EQ(books.size(), 66U);
  EXPECT_THAT(books.front(), testing::StartsWith("In the beginning God created the heaven and the earth.\n"
                                                 "And the earth was without form, and void; and darkness was upon "
                                                 "the face of the deep. "));
  EXPECT_THAT(books.back(), testing::EndsWith("The grace of our Lord Jesus Christ be with you all. Amen.\n"));
  size_t verses = 0, bytes = 0;
  for (const auto& book : books) {
    verses += static_cast<size_t>(std::count(book.begin(), book.end(), '\n'));
    bytes += book.size();
  }
  EXPECT_EQ(verses, 31102U);
  EXPECT_EQ(bytes, 4137850U);
}

TEST_F(KingJames, DamageIsNamed) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/bible.data", whole = read_text(kKingJamesFile, 1 << 24);
  const auto refusal = [&](const std::string& bytes) -> std::string {
    write_file_atomic(path, bytes);
    try {
      read_king_james(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal(""), testing::HasSubstr("expected the text of"));
  EXPECT_THAT(refusal(whole.substr(0, 0x5c)), testing::HasSubstr("damaged"));
  EXPECT_THAT(refusal(whole.substr(0, whole.size() / 2)), testing::HasSubstr("damaged: window"));
  std::string huge = whole;
  huge[0x58] = '\x7f';
  EXPECT_THAT(refusal(huge), testing::HasSubstr("windows"));
  std::string scrambled = whole;
  for (size_t at = 0x173; at < 0x573; ++at) scrambled[at] = static_cast<char>(0xff);
  EXPECT_THAT(refusal(scrambled), testing::HasSubstr("damaged LZW data"));
}

}  // namespace
}  // namespace strata
