#include "strata/data/mix.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace strata {
namespace {

// What the standard library's distributions draw from.
struct Generator {
  using result_type = uint64_t;
  Random& random;
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return std::numeric_limits<uint64_t>::max(); }
  uint64_t operator()() { return random.next64(); }
};

// Beta(alpha, alpha) as a quotient of Gamma variables.
double symmetric_beta(double alpha, Random& random) {
  Generator generator{random};
  std::gamma_distribution<double> gamma(alpha);
  const double a = gamma(generator), b = gamma(generator);
  // A tiny alpha puts all weight on 0 and 1, and both variables may underflow.
  return a + b > 0 ? a / (a + b) : static_cast<double>(random.below(2));
}

}  // namespace

Mix draw_mix(const ImageConfig& config, int64_t height, int64_t width, Random random) {
  Mix mix;
  if ((config.mixup == 0 && config.cutmix == 0) || !(random.uniform() < config.mix_prob)) return mix;
  const bool cut = config.cutmix > 0 && (config.mixup == 0 || random.uniform() < config.switch_prob);
  mix.kind = cut ? Mix::Kind::cutmix : Mix::Kind::mixup;
  mix.share = symmetric_beta(cut ? config.cutmix : config.mixup, random);
  if (!cut) return mix;
  const double side = std::sqrt(1 - mix.share);
  const auto box_side = [&](int64_t whole) { return static_cast<int64_t>(static_cast<double>(whole) * side); };
  const auto span = [&](int64_t whole, int64_t& first, int64_t& length) {
    const auto middle = static_cast<int64_t>(random.below(whole));
    first = std::clamp<int64_t>(middle - box_side(whole) / 2, 0, whole);
    length = std::clamp<int64_t>(middle - box_side(whole) / 2 + box_side(whole), 0, whole) - first;
  };
  span(height, mix.box.top, mix.box.height);
  span(width, mix.box.left, mix.box.width);
  mix.share = 1 - static_cast<double>(mix.box.height * mix.box.width) / static_cast<double>(height * width);
  return mix;
}

void apply(const Mix& mix, float* pixels, int64_t batch, int64_t channels, int64_t height, int64_t width) {
  if (mix.kind == Mix::Kind::none) return;
  const int64_t numbers = channels * height * width;
  const auto share = static_cast<float>(mix.share);
  // Both of a pair are changed at once, so that each sees the other as it was.
  for (int64_t i = 0; i < batch / 2; ++i) {
    float *a = pixels + i * numbers, *b = pixels + (batch - 1 - i) * numbers;
    if (mix.kind == Mix::Kind::mixup) {
      for (int64_t k = 0; k < numbers; ++k) {
        const float x = a[k], y = b[k];
        a[k] = share * x + (1 - share) * y;
        b[k] = share * y + (1 - share) * x;
      }
      continue;
    }
    for (int64_t row = 0; row < channels * height; ++row) {
      if (row % height < mix.box.top || row % height >= mix.box.top + mix.box.height) continue;
      const int64_t first = row * width + mix.box.left;
      std::swap_ranges(a + first, a + first + mix.box.width, b + first);
    }
  }
}

}  // namespace strata
