#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "strata/base/random.h"
#include "strata/base/threads.h"
#include "strata/kernels/isa.h"

namespace strata::test {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

/// Standard normal numbers times scale, from a seed.
inline Floats normals(uint64_t seed, int64_t count, float scale = 1) {
  Random random(seed);
  Floats values(count);
  for (float& value : values) value = scale * static_cast<float>(random.normal());
  return values;
}

inline Doubles widen(const Floats& values) {
  return {values.begin(), values.end()};
}

/// |got - want| <= tolerance * max(1, |want|), or both NaN, or equal (infinities).
template <class Want>
void expect_close(const std::vector<Want>& want, const Floats& got, double tolerance) {
  ASSERT_EQ(want.size(), got.size());
  for (size_t i = 0; i < want.size(); ++i) {
    if ((std::isnan(want[i]) && std::isnan(got[i])) || want[i] == got[i]) continue;
    ASSERT_NEAR(want[i], got[i], tolerance * std::max(1.0, std::abs(static_cast<double>(want[i])))) << "at " << i;
  }
}

/// d f / d x by central differences in double.
inline Doubles central_differences(const std::function<double(const Doubles&)>& f, Doubles x, double step = 1e-5) {
  Doubles gradient(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double at = x[i];
    x[i] = at + step;
    const double above = f(x);
    x[i] = at - step;
    gradient[i] = (above - f(x)) / (2 * step);
    x[i] = at;
  }
  return gradient;
}

/// Runs fn once per level this machine has (the level and thread count are put back afterwards), on one thread and on
/// two.
template <class Fn>
void for_each_level(Fn&& fn) {
  const Isa before = active_isa();
  const int threads_before = threads();
  for (const Isa isa : supported_isas()) {
    for (const int count : {1, 2}) {
      SCOPED_TRACE(testing::Message() << "level " << isa_name(isa) << ", threads " << count);
      set_isa(isa);
      set_threads(count);
      fn();
    }
  }
  set_isa(before);
  set_threads(threads_before);
}

inline const int64_t kTailSizes[] = {1, 7, 8, 15, 16, 17, 48, 64, 257};

}  // namespace strata::test
