#pragma once

#include <cstdint>

#include "strata/kernels/isa.h"

namespace strata {

/// Fused multiply-adds and nothing else: what a measurement of products is held against. Ten independent chains of
/// vectors, so that neither the latency of an addition nor memory is waited for; one thread. Returns how many floating
/// point operations (two per multiply-add) that was.
double multiply_adds(int64_t rounds);

struct FmaPeakLevel {
  Isa isa;
  double (*run)(int64_t rounds);
};
extern const FmaPeakLevel kFmaPeakReference, kFmaPeakAvx2, kFmaPeakAvx512;

}  // namespace strata
