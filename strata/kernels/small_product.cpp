#include "strata/kernels/small_product.h"

#include <algorithm>
#include <array>

namespace strata {
namespace {

void reference(const SmallProduct& args) {
  for (int64_t r = 0; r < args.rows; ++r)
    for (int64_t c = 0; c < args.columns; ++c) {
      const int64_t first = c / SmallProduct::kPanel * SmallProduct::kPanel;
      const int64_t wide = std::min(SmallProduct::kPanel, args.columns - first);
      const float* panel = args.b + first * args.depth;
      float& to = args.c[r * args.c_row + c];
      double sum = args.accumulate ? to : 0.0;
      for (int64_t k = 0; k < args.depth; ++k)
        sum += static_cast<double>(args.a[r * args.a_row + k * args.a_column]) * panel[k * wide + c - first];
      to = static_cast<float>(sum);
    }
}

constexpr std::array kLevels{&kSmallProductReference, &kSmallProductAvx2, &kSmallProductAvx512};

}  // namespace

const SmallProductLevel kSmallProductReference{Isa::reference, reference};

void small_product(const SmallProduct& args) {
  if (args.columns % SmallProduct::kColumns != 0)
    fail("small_product: expected columns to be a multiple of ", SmallProduct::kColumns, ", got ", args.columns);
  if (args.rows == 0 || args.columns == 0) return;
  if (args.depth > 0) return pick_level(kLevels).run(args);
  // Sums of nothing, whose factors may be nowhere.
  for (int64_t r = 0; r < (args.accumulate ? 0 : args.rows); ++r)
    std::fill_n(args.c + r * args.c_row, args.columns, 0.0F);
}

void pack_panels(const float* b, int64_t depth, int64_t columns, int64_t b_row, int64_t b_column, float* to) {
  for (int64_t first = 0; first < columns; first += SmallProduct::kPanel) {
    const int64_t wide = std::min(SmallProduct::kPanel, columns - first);
    for (int64_t k = 0; k < depth; ++k, to += wide) {
      const float* row = b + k * b_row + first * b_column;
      if (b_column == 1)
        std::copy_n(row, wide, to);
      else
        for (int64_t c = 0; c < wide; ++c) to[c] = row[c * b_column];
    }
  }
}

}  // namespace strata
