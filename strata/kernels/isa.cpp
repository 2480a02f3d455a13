#include "strata/kernels/isa.h"

#include <array>
#include <cstdlib>

namespace strata {
namespace {

constexpr std::array kNames{"reference", "avx2", "avx512"};
static_assert(kNames.size() == static_cast<size_t>(Isa::avx512) + 1);

Isa check_supported(Isa isa, const char* who) {
  if (!isa_supported(isa))
    fail_usage(who, ": this processor cannot run '", isa_name(isa), "'; the best level here is '",
               isa_name(supported_isas().back()), "'");
  return isa;
}

Isa initial_isa() {
  const char* text = std::getenv("STRATA_ISA");
  if (text && *text) return check_supported(parse_isa(text), "STRATA_ISA");
  return supported_isas().back();
}

Isa& current_isa() {
  static Isa isa = initial_isa();
  return isa;
}

}  // namespace

const char* isa_name(Isa isa) {
  return kNames[static_cast<size_t>(isa)];
}

Isa parse_isa(const std::string& name) {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (name == kNames[i]) return static_cast<Isa>(i);
  fail_usage("STRATA_ISA: expected reference, avx2 or avx512, got '", name, "'; unset it to use the best level");
}

bool isa_supported(Isa isa) {
  switch (isa) {
    case Isa::reference:
      return true;
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return isa_supported(Isa::avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
  return false;
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> found;
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512})
    if (isa_supported(isa)) found.push_back(isa);
  return found;
}

Isa active_isa() {
  return current_isa();
}

void set_isa(Isa isa) {
  current_isa() = check_supported(isa, "set_isa");
}

}  // namespace strata
