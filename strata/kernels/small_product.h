#pragma once

#include <cstdint>

#include "strata/kernels/isa.h"

namespace strata {

/// c [rows, columns] = a [rows, depth] b [depth, columns], added to c where `accumulate` says so: for factors b of a
/// small model, where a library's packing of a costs more than it saves. One thread. Every element is one chain of
/// fused multiply-adds over depth in rising order, so a row does not depend on the rows beside it.
struct SmallProduct {
  static constexpr int64_t kColumns = 16;  // `columns` is a multiple of this
  static constexpr int64_t kPanel = 48;    // columns of a panel

  int64_t rows = 0, columns = 0, depth = 0;
  const float* a = nullptr;
  int64_t a_row = 0, a_column = 1;  // distances between rows and between columns; (1, n) reads a transposed
  const float* b = nullptr;         // in panels: pack_panels
  float* c = nullptr;
  int64_t c_row = 0;
  bool accumulate = false;
};

/// Throws Error when columns is not a multiple of SmallProduct::kColumns.
void small_product(const SmallProduct& args);

/// b [depth, columns], whose elements are b_row and b_column apart, in panels: columns [0, kPanel) of all rows, then the
/// next ones; the last panel is as wide as what is left. Of contiguous rows that fit one panel it is a copy.
void pack_panels(const float* b, int64_t depth, int64_t columns, int64_t b_row, int64_t b_column, float* to);

struct SmallProductLevel {
  Isa isa;
  void (*run)(const SmallProduct& args);
};
extern const SmallProductLevel kSmallProductReference, kSmallProductAvx2, kSmallProductAvx512;

}  // namespace strata
