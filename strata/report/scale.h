#pragma once

#include <string>
#include <vector>

namespace strata::report {

/// Where an axis is marked: positions at multiples of `step` inside [low, high], printed with `decimals` digits
/// (scientific when the numbers are too large or too small to print in full).
struct Ticks {
  double low = 0, high = 1;
  double step = 1;
  int decimals = 0;
  bool scientific = false;
  std::vector<double> at;
};

/// Marks for [low, high] at multiples of 1, 2, 2.5 or 5 times a power of ten, about `wanted` of them. An empty range is
/// widened around its value. `outward` moves low and high out to the nearest marks; `integers` keeps the step a whole
/// number. Both ends must be finite and within +-1e300.
Ticks nice_ticks(double low, double high, int wanted, bool outward, bool integers = false);

/// The label of a mark.
std::string format_tick(const Ticks& ticks, double value);

}  // namespace strata::report
