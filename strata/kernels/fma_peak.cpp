#include "strata/kernels/fma_peak.h"

#include <array>

namespace strata {
namespace {

double reference(int64_t rounds) {
  constexpr int chains = 4;
  volatile float start = 1.0F, total = 0;  // see fma_peak_simd.h
  std::array<float, chains> sums{};
  for (float& sum : sums) sum = start;
  const float factor = 0.999F * start, addend = 0.001F * start;
  for (int64_t round = 0; round < rounds; ++round)
    for (float& sum : sums) sum = sum * factor + addend;
  for (const float sum : sums) total = total + sum;
  return static_cast<double>(rounds) * chains * 2;
}

constexpr std::array kLevels{&kFmaPeakReference, &kFmaPeakAvx2, &kFmaPeakAvx512};

}  // namespace

const FmaPeakLevel kFmaPeakReference{Isa::reference, reference};

double multiply_adds(int64_t rounds) {
  return pick_level(kLevels).run(rounds);
}

}  // namespace strata
