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

/// Makes glibc keep big blocks instead of handing them back to the kernel and faulting them in again (a factor of three
/// on element-wise work over buffers of hundreds of MB). Call at the start of main. Returns what was done, for `strata
/// doctor`. Does nothing when the user set MALLOC_*_ / GLIBC_TUNABLES themselves or asked for STRATA_ALLOCATOR=system;
/// throws UsageError for any other value than "system" or "tuned".
std::string tune_allocator();

/// Bytes that can still be allocated without swapping: MemAvailable, or what the limits of the memory cgroups leave if
/// that is less. 0 when unknown.
int64_t memory_available();

/// Largest resident set of this process so far, in bytes (VmHWM).
int64_t peak_memory();

}  // namespace strata
