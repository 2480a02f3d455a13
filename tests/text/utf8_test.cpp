#include "strata/text/utf8.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(Utf8, EveryCodePointThereAndBack) {
  for (char32_t point = 0; point <= 0x10FFFF; ++point) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    const std::string text = utf8(point);
    const Utf8Step step = utf8_step(text.data(), text.data() + text.size());
    ASSERT_EQ(step.point, point);
    ASSERT_EQ(step.bytes, text.size());
  }
}

TEST(Utf8, IllFormedBytesAreSteppedOverOneByOne) {
  for (const std::string text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                                 "\xF4\x90\x80\x80", "\xF5", "\xFF", "\xE4\xBD", "\xF0\x9F\x98"}) {
    const Utf8Step step = utf8_step(text.data(), text.data() + text.size());
    EXPECT_FALSE(step.valid());
    EXPECT_EQ(step.bytes, 1U);
    EXPECT_EQ(step.point, 0xDC00U + static_cast<unsigned char>(text[0]));
    EXPECT_FALSE(valid_utf8(text));
  }
}

// One U+FFFD for each maximal ill-formed subsequence (Unicode 16, table 3-8).
TEST(Utf8, Repaired) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(repaired_utf8("a\xE4\xBD"
                          "b"),
            "a" + mark + "b");
  EXPECT_EQ(repaired_utf8("\xF0\x9F\x98"), mark);
  EXPECT_EQ(repaired_utf8("\xED\xA0\x80"), mark + mark + mark);
  EXPECT_EQ(repaired_utf8("\x80\xC3\xA9\xFF"), mark + "\xC3\xA9" + mark);
  EXPECT_EQ(repaired_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
                          "A"),
            mark + mark + mark + mark + "A");
}

TEST(Utf8, WhatMayStillBecomeACharacter) {
  EXPECT_EQ(unfinished_utf8("a\xF0\x9F\x98"), 3U);
  EXPECT_EQ(unfinished_utf8("a\xE4"), 1U);
  EXPECT_EQ(unfinished_utf8("a\xED\xA0"), 0U);
  EXPECT_EQ(unfinished_utf8("\xE4\xBD\xA0"), 0U);
  EXPECT_EQ(unfinished_utf8(""), 0U);
}

TEST(Utf8, Length) {
  EXPECT_EQ(utf8_length("a\xC3\xA9\xF0\x9F\x98\x80\xFF"), 4);
}

}  // namespace
}  // namespace strata
