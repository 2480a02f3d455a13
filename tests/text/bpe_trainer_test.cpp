#include "strata/text/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strata/base/error.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::Pair;

Tokenizer trained(std::string_view text, int64_t size, int64_t min_count = 2) {
  BpeTrainer trainer({.vocab_size = size, .min_count = min_count, .special = {"<end>"}});
  trainer.add(text);
  return trainer.train();
}

// low x5, lower x2, newest x6, widest x3, as in Sennrich et al. 2016, section 3.2. Ties go to the smaller ids.
TEST(BpeTrainer, MergesTheMostFrequentPair) {
  std::string text;
  for (int i = 0; i < 6; ++i)
    text += std::string(i < 5 ? "low\n" : "") + (i < 2 ? "lower\n" : "") + "newest\n" + (i < 3 ? "widest\n" : "");
  const auto merges = trained(text, 257 + 4).config().model.merges;
  EXPECT_THAT(merges, ElementsAre(Pair("e", "s"), Pair("es", "t"), Pair("l", "o"), Pair("lo", "w")));
}

TEST(BpeTrainer, RunsOfOneByte) {
  const Tokenizer tokenizer = trained("aaaaa aaaaa aaaaa", 400);
  EXPECT_EQ(tokenizer.config().model.merges.front(), std::pair(std::string("a"), std::string("a")));
  EXPECT_EQ(tokenizer.encode("aaaaa aaaaa").size(), 2U);
}

TEST(BpeTrainer, IdsAndRoundTrip) {
  const Tokenizer tokenizer = trained("the cat and the dog and the bird", 300);
  EXPECT_EQ(tokenizer.id("<end>"), 0);
  EXPECT_EQ(tokenizer.eos(), 0);
  EXPECT_TRUE(tokenizer.special(0));
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  EXPECT_EQ(tokenizer.decode_bytes(tokenizer.encode(bytes)), bytes);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("the bird \u4f60")), "the bird \u4f60");
}

TEST(BpeTrainer, StopsWherePairsAreRare) {
  EXPECT_EQ(trained("abcdef", 1000).vocab_size(), 257);
  EXPECT_EQ(trained("abcdef", 1000, 1).vocab_size(), 257 + 5);
}

TEST(BpeTrainer, Refuses) {
  EXPECT_THROW(BpeTrainer({.vocab_size = 256, .special = {"<end>"}}), Error);
  EXPECT_THROW(BpeTrainer({.special = {"<end>", "<end>"}}), Error);
  EXPECT_THROW(BpeTrainer({.special = {""}}), Error);
}

}  // namespace
}  // namespace strata
