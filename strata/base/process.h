#pragma once

#include <cstdint>
#include <string>

namespace strata {

/// What this processor offers, as the operating system lets it be used.
struct CpuFeatures {
  std::string vendor;  // "AuthenticAMD"
  std::string model;   // "AMD EPYC 7763 64-Core Processor"
  bool sse4_2 = false, avx2 = false, fma = false, f16c = false;
  bool avx512f = false, avx512bw = false, avx512dq = false, avx512vl = false, avx512_vnni = false, avx512_bf16 = false;
  bool amx_bf16 = false;
  int64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  // per core, per core, shared; 0 where unknown
};
const CpuFeatures& cpu_features();

/// Bytes that can still be allocated without swapping: MemAvailable, or what the limits of the memory cgroups leave if
/// that is less. 0 when unknown.
int64_t memory_available();

/// Largest resident set of this process so far, in bytes (VmHWM).
int64_t peak_memory();

}  // namespace strata
