#include "strata/kernels/isa.h"

#include <gtest/gtest.h>

#include <array>

namespace strata {
namespace {

TEST(Isa, NamesRoundTrip) {
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512}) EXPECT_EQ(parse_isa(isa_name(isa)), isa);
}

TEST(Isa, UnknownNameSaysWhatIsKnown) {
  try {
    parse_isa("sse9");
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(),
                 "STRATA_ISA: expected reference, avx2 or avx512, got 'sse9'; unset it to use the best level");
  }
}

TEST(Isa, LevelTheMachineLacksIsRefused) {
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (isa_supported(isa)) continue;
    EXPECT_THROW(set_isa(isa), UsageError);
  }
  EXPECT_EQ(supported_isas().front(), Isa::reference);
}

TEST(Isa, PicksTheBestAllowedLevel) {
  struct Level {
    Isa isa;
  };
  static const Level reference{Isa::reference};
  static const Level avx2{Isa::avx2};
  const std::array<const Level*, 2> table{&reference, &avx2};
  const Isa before = active_isa();
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    EXPECT_EQ(&pick_level(table), isa == Isa::reference ? &reference : &avx2);
  }
  set_isa(before);
}

}  // namespace
}  // namespace strata
