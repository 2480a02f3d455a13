#include "strata/blocks/transformer.h"

#include <gtest/gtest.h>

#include "strata/base/error.h"

namespace strata {
namespace {

// fairseq's LayerDrop README: a 16-layer language model of 246,933,504 parameters has 146,163,712 after pruning to 8, so one block has 12,596,224.
TEST(Transformer, OneBlockHasThePublishedNumberOfParameters) {
  int64_t total = 0;
  for (const auto& param : transformer_block({.channels = 1024, .heads = 8, .hidden = 4096})->params()) {
    int64_t count = 1;
    for (const int64_t size : param.shape) count *= size;
    total += count;
  }
  EXPECT_EQ(total, (246'933'504 - 146'163'712) / 8);
}

TEST(Transformer, PartsAreNamedInTheOrderTheyRun) {
  EXPECT_EQ(transformer_block({})->spec().parts, (std::vector<std::string>{"mixer", "ffn"}));
  EXPECT_EQ(transformer_block({.memory = "encoder"})->spec().parts,
            (std::vector<std::string>{"mixer", "cross", "ffn"}));
}

TEST(Transformer, SizesThatDoNotFitAreRefused) {
  EXPECT_THROW(transformer_block({.channels = 10, .heads = 3}), Error);
  EXPECT_THROW(transformer_block({.activation = "relu6"}), Error);
  EXPECT_THROW(transformer_block({.norm = "batch"}), Error);
}

}  // namespace
}  // namespace strata
