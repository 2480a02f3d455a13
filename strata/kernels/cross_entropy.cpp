#include "strata/kernels/cross_entropy.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "strata/base/threads.h"

namespace strata {
namespace {

void rows_reference(const CrossEntropy& a, int64_t begin, int64_t end) {
  const double share = static_cast<double>(a.smoothing) / static_cast<double>(a.classes);
  for (int64_t row = begin; row < end; ++row) {
    const float* x = a.logits + row * a.classes;
    const int64_t target = a.targets[row];
    const bool ignored = target == CrossEntropy::kIgnoreTarget;
    double top = -INFINITY;
    double sum = 0;
    double mean = 0;
    for (int64_t c = 0; c < a.classes; ++c) top = std::max<double>(top, x[c]);
    for (int64_t c = 0; c < a.classes; ++c) {
      sum += std::exp(x[c] - top);
      mean += x[c] / static_cast<double>(a.classes);
    }
    const double lse = top + std::log(sum);
    const double smooth = a.smoothing > 0 ? a.smoothing * (lse - mean) : 0;
    if (a.loss) a.loss[row] = ignored ? 0.0F : static_cast<float>((1.0 - a.smoothing) * (lse - x[target]) + smooth);
    for (int64_t c = 0; a.dlogits && c < a.classes; ++c) {
      const double p = std::exp(x[c] - top) / sum;
      const double d = a.scale * (p - share - (c == target ? 1.0 - a.smoothing : 0.0));
      a.dlogits[row * a.classes + c] = ignored ? 0.0F : static_cast<float>(d);
    }
  }
}

constexpr std::array kLevels{&kCrossEntropyReference, &kCrossEntropyAvx2, &kCrossEntropyAvx512};

}  // namespace

const CrossEntropyLevel kCrossEntropyReference{Isa::reference, rows_reference};

void cross_entropy(const CrossEntropy& args) {
  if (args.rows < 0 || args.classes < 1)
    fail("cross_entropy: expected rows >= 0 and classes >= 1, got ", args.rows, " and ", args.classes);
  if (!(args.smoothing >= 0 && args.smoothing <= 1))
    fail("cross_entropy: expected a label smoothing from 0 to 1, got ", args.smoothing);
  for (int64_t row = 0; row < args.rows; ++row)
    if (const int64_t t = args.targets[row]; t != CrossEntropy::kIgnoreTarget && (t < 0 || t >= args.classes))
      fail("cross_entropy: expected targets from 0 to ", args.classes - 1, " (or ", CrossEntropy::kIgnoreTarget,
           " to ignore a row), got ", t, " in row ", row);
  parallel_for(args.rows, 1 + 4096 / args.classes,
               [&, rows = pick_level(kLevels).rows](int64_t begin, int64_t end, int) { rows(args, begin, end); });
}

}  // namespace strata
