#pragma once

#include <string>
#include <vector>

#include "strata/base/error.h"

namespace strata {

/// Instruction sets a kernel may be written for, worst first. `reference` is plain C++ that accumulates in double.
enum class Isa { reference, avx2, avx512 };

const char* isa_name(Isa isa);
/// The level of that name; throws UsageError naming the known ones.
Isa parse_isa(const std::string& name);
/// Whether this processor and operating system can run it (avx2 includes FMA and F16C; avx512 means F, BW, DQ and VL).
bool isa_supported(Isa isa);
/// Every level this machine can run, worst first.
std::vector<Isa> supported_isas();

/// The level kernels run at: STRATA_ISA when set (UsageError if unknown or not supported here), else the best supported
/// one.
Isa active_isa();
/// Forces a level from now on (tests, benchmarks, --isa); throws UsageError when this machine lacks it. Not while
/// kernels run.
void set_isa(Isa isa);

/// The best entry of a kernel's table of levels (worst first, entries have a member `isa`) that the active level
/// allows.
template <class Table>
const auto& pick_level(const Table& table) {
  const Isa wanted = active_isa();
  const auto* best = table[0];
  for (const auto* level : table)
    if (level->isa <= wanted) best = level;
  return *best;
}

}  // namespace strata
