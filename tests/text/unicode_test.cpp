#include "strata/text/unicode.h"

#include <gtest/gtest.h>

#include "strata/text/utf8.h"

namespace strata {
namespace {

int64_t members(CharacterClass which) {
  int64_t count = 0;
  for (char32_t point = 0; point <= 0x10FFFF; ++point) count += is(which, point) ? 1 : 0;
  return count;
}

// Unicode 16: DerivedGeneralCategory and PropList.
TEST(Unicode, SizesOfClasses) {
  EXPECT_EQ(members(kLetter), 141028);
  EXPECT_EQ(members(kNumber), 1911);
  EXPECT_EQ(members(kSpace), 25);
}

TEST(Unicode, Spaces) {
  for (const char32_t point : {0x09, 0x0A, 0x0D, 0x20, 0x85, 0xA0, 0x2003, 0x3000}) EXPECT_TRUE(is(kSpace, point));
  for (const char32_t point : {0x1C, 0x1F, 0x180E, 0x200B, 0xFEFF}) EXPECT_FALSE(is(kSpace, point));
}

TEST(Unicode, IllFormedBytesAreOfNoClass) {
  for (char32_t byte = 0x80; byte < 0x100; ++byte) EXPECT_EQ(character_classes()[0xDC00 + byte], 0);
}

TEST(Unicode, LowerCaseWithoutContext) {
  EXPECT_EQ(lower_case("ABC \u00c4\u00d6 \u0394\u03a3 \u0416 \u1c89 1\xFF"),
            "abc \u00e4\u00f6 \u03b4\u03c3 \u0436 \u1c8a 1\xFF");
  EXPECT_EQ(lower_case("\u0130\u0100\u0101\u0139"), "i\u0307\u0101\u0101\u013a");
}

TEST(Unicode, NormalForms) {
  EXPECT_EQ(normal_form("e\u0301A\u030a\u0327", NormalForm::nfc), "\u00e9\u00c5\u0327");
  EXPECT_EQ(normal_form("\u00e9", NormalForm::nfd), "e\u0301");
  EXPECT_EQ(normal_form("\ufb01\u00b2", NormalForm::nfkc), "fi2");
  EXPECT_EQ(normal_form("\u1100\u1161\u11a8", NormalForm::nfc), "\uac01");
  EXPECT_EQ(normal_form("plain", NormalForm::nfkd), "plain");
}

TEST(Unicode, CharactersAfterUnicode9KeepTheirForm) {
  EXPECT_EQ(normal_form("\u32ff", NormalForm::nfkc), "\u32ff");
  EXPECT_EQ(normal_form("a\u07fd\u0334", NormalForm::nfd), "a\u07fd\u0334");
}

TEST(Unicode, IllFormedBytesStayAndSeparate) {
  EXPECT_EQ(normal_form("e\xFF\u0301 e\u0301\xC3", NormalForm::nfc), "e\xFF\u0301 \u00e9\xC3");
}

}  // namespace
}  // namespace strata
