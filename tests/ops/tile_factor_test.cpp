#include "strata/ops/tile_factor.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace strata {
namespace {

ops::Matrix rows_of(const at::Tensor& tensor) {
  return {tensor.mutable_data_ptr<float>(), tensor.size(0), tensor.size(1)};
}

// Tiles as long as the factor is packed for, and others; factors as they are and transposed.
TEST(TileFactor, MultipliesAndAccumulates) {
  at::manual_seed(3);
  for (const bool transposed : {false, true}) {
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{48, 31}, {48, 32}, {160, 144}}) {
      const at::Tensor weight = transposed ? at::randn({out, in}).t() : at::randn({in, out});
      const auto factors = ops::tile_factors({weight, weight}, 64);
      ASSERT_EQ(factors.size(), 2U);
      for (const int64_t rows : {64, 1, 63, 65}) {
        SCOPED_TRACE(testing::Message() << in << " -> " << out << ", " << rows << " rows, transposed " << transposed);
        const at::Tensor x = at::randn({rows, in});
        const at::Tensor want = at::mm(x.to(at::kDouble), weight.to(at::kDouble));
        at::Tensor y = at::full({rows, out}, NAN);  // what is overwritten is not read
        ops::multiply(rows_of(y), rows_of(x), factors[1], /*accumulate=*/false);
        EXPECT_LT((y - want).abs().max().item<double>(), 1e-4);
        ops::multiply(rows_of(y), rows_of(x), factors[0], /*accumulate=*/true);
        EXPECT_LT((y - 2 * want).abs().max().item<double>(), 2e-4);
      }
    }
  }
}

TEST(TileFactor, ColumnsOfAWiderMatrixAreServedUnpacked) {
  const at::Tensor wide = at::randn({16, 40}), x = at::randn({8, 16});
  const auto factors = ops::tile_factors({wide.narrow(1, 4, 20)}, 8);
  const at::Tensor y = at::empty({8, 20});
  ops::multiply(rows_of(y), rows_of(x), factors[0], false);
  EXPECT_LT((y - at::mm(x, wide.narrow(1, 4, 20))).abs().max().item<double>(), 1e-4);
}

TEST(TileFactor, AddsTransposedProducts) {
  at::manual_seed(4);
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 33}, {7, 33}, {64, 33}, {7, 48}, {64, 48}}) {
    const at::Tensor a = at::randn({rows, 5}), b = at::randn({rows, columns}), before = at::randn({5, columns});
    const at::Tensor total = before.clone();
    ops::add_product(total, rows_of(a), rows_of(b));
    const at::Tensor want = before.to(at::kDouble) + at::mm(a.to(at::kDouble).t(), b.to(at::kDouble));
    EXPECT_LT((total - want).abs().max().item<double>(), 1e-4) << rows << " rows of " << columns;
  }
}

}  // namespace
}  // namespace strata
