#include "strata/kernels/small_product.h"

#include <array>

namespace strata {
namespace {

void reference(const SmallProduct& args) {
  for (int64_t r = 0; r < args.rows; ++r)
    for (int64_t c = 0; c < args.columns; ++c) {
      float& to = args.c[r * args.c_row + c];
      double sum = args.accumulate ? to : 0.0;
      for (int64_t k = 0; k < args.depth; ++k)
        sum += static_cast<double>(args.a[r * args.a_row + k * args.a_column]) * args.b[k * args.b_row + c];
      to = static_cast<float>(sum);
    }
}

constexpr std::array kLevels{&kSmallProductReference, &kSmallProductAvx2, &kSmallProductAvx512};

}  // namespace

const SmallProductLevel kSmallProductReference{Isa::reference, reference};

void small_product(const SmallProduct& args) {
  if (args.columns % SmallProduct::kColumns != 0)
    fail("small_product: expected columns to be a multiple of ", SmallProduct::kColumns, ", got ", args.columns);
  pick_level(kLevels).run(args);
}

}  // namespace strata
