#pragma once

#include <cstdint>

#include "strata/kernels/isa.h"

namespace strata {

/// c [rows, columns] = a [rows, depth] b [depth, columns], added to c where `accumulate` says so: for factors b that stay
/// in the nearest cache, where a library's packing costs more than it saves. One thread. Every element is one chain of
/// fused multiply-adds over depth in rising order, so a row does not depend on the rows beside it.
struct SmallProduct {
  static constexpr int64_t kColumns = 16;  // `columns` is a multiple of this

  int64_t rows = 0, columns = 0, depth = 0;
  const float* a = nullptr;
  int64_t a_row = 0, a_column = 1;  // distances between rows and between columns; (1, n) reads a transposed
  const float* b = nullptr;
  int64_t b_row = 0;  // distance between rows
  float* c = nullptr;
  int64_t c_row = 0;
  bool accumulate = false;
};

/// Throws Error when columns is not a multiple of SmallProduct::kColumns.
void small_product(const SmallProduct& args);

struct SmallProductLevel {
  Isa isa;
  void (*run)(const SmallProduct& args);
};
extern const SmallProductLevel kSmallProductReference, kSmallProductAvx2, kSmallProductAvx512;

}  // namespace strata
