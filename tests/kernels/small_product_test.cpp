#include "strata/kernels/small_product.h"

#include <gmock/gmock.h>

#include "tests/kernels/kernel_test.h"

namespace strata {
namespace {

using test::Floats;

// Rows around the sizes of the groups the levels work in, columns around their strips; a as it is and transposed.
TEST(SmallProduct, EveryLevelAgainstDouble) {
  test::for_each_level([] {
    for (const int64_t rows : {0, 1, 5, 8, 13, 17, 40})
      for (const int64_t columns : {16, 32, 48, 64, 80, 144})
        for (const int64_t depth : {0, 1, 17, 96, 200})
          for (const bool transposed : {false, true})
            for (const bool accumulate : {false, true}) {
              SCOPED_TRACE(testing::Message() << rows << " x " << columns << " x " << depth << ", transposed "
                                              << transposed << ", accumulate " << accumulate);
              const int64_t b_row = columns + 3, c_row = columns + 5;  // beyond a row is somebody else's
              const Floats a = test::normals(1, rows * depth), b = test::normals(2, depth * b_row);
              Floats c = test::normals(3, rows * c_row);
              std::vector<double> want(c.begin(), c.end());
              const int64_t a_row = transposed ? 1 : depth, a_column = transposed ? rows : 1;
              for (int64_t r = 0; r < rows; ++r)
                for (int64_t j = 0; j < columns; ++j) {
                  double& to = want[r * c_row + j];
                  if (!accumulate) to = 0;
                  for (int64_t k = 0; k < depth; ++k)
                    to += static_cast<double>(a[r * a_row + k * a_column]) * b[k * b_row + j];
                }
              Floats panels(depth * columns);
              pack_panels(b.data(), depth, columns, b_row, 1, panels.data());
              small_product({.rows = rows,
                             .columns = columns,
                             .depth = depth,
                             .a = a.data(),
                             .a_row = a_row,
                             .a_column = a_column,
                             .b = panels.data(),
                             .c = c.data(),
                             .c_row = c_row,
                             .accumulate = accumulate});
              test::expect_close(want, c, 5e-5);
            }
  });
}

TEST(SmallProduct, RowsDoNotDependOnTheRowsBesideThem) {
  const int64_t columns = 48, depth = 33, rows = 21;
  const Floats a = test::normals(1, rows * depth), b = test::normals(2, depth * columns);
  const auto product = [&](int64_t first, int64_t count) {
    Floats c(count * columns);
    small_product({.rows = count,
                   .columns = columns,
                   .depth = depth,
                   .a = a.data() + first * depth,
                   .a_row = depth,
                   .b = b.data(),  // one panel
                   .c = c.data(),
                   .c_row = columns});
    return c;
  };
  const Floats all = product(0, rows);
  for (int64_t row = 0; row < rows; ++row)
    EXPECT_EQ(product(row, 1), Floats(all.begin() + row * columns, all.begin() + (row + 1) * columns)) << row;
}

TEST(SmallProduct, PanelsOfATransposedMatrix) {
  const int64_t depth = 5, columns = 112;
  const Floats b = test::normals(1, depth * columns);
  Floats transposed(b.size()), one(b.size()), other(b.size());
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t c = 0; c < columns; ++c) transposed[c * depth + k] = b[k * columns + c];
  pack_panels(b.data(), depth, columns, columns, 1, one.data());
  pack_panels(transposed.data(), depth, columns, 1, depth, other.data());
  EXPECT_EQ(one, other);
  EXPECT_EQ(one[SmallProduct::kPanel], b[columns]);  // the second row of the first panel
}

TEST(SmallProduct, OddColumnsAreRefused) {
  EXPECT_THAT([] { small_product({.rows = 1, .columns = 20, .depth = 1}); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("multiple of 16")));
}

}  // namespace
}  // namespace strata
