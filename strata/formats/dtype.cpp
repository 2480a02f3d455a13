#include "strata/formats/dtype.h"

#include <array>

namespace strata {
namespace {

struct Entry {
  std::string_view name;
  int bits;
};

constexpr std::array kTypes = {
    Entry{"BOOL", 8},        Entry{"F4", 4},      Entry{"F6_E2M3", 6}, Entry{"F6_E3M2", 6}, Entry{"U8", 8},
    Entry{"I8", 8},          Entry{"F8_E5M2", 8}, Entry{"F8_E4M3", 8}, Entry{"F8_E8M0", 8}, Entry{"F8_E4M3FNUZ", 8},
    Entry{"F8_E5M2FNUZ", 8}, Entry{"I16", 16},    Entry{"U16", 16},    Entry{"F16", 16},    Entry{"BF16", 16},
    Entry{"I32", 32},        Entry{"U32", 32},    Entry{"F32", 32},    Entry{"C64", 64},    Entry{"F64", 64},
    Entry{"I64", 64},        Entry{"U64", 64},
};
static_assert(kTypes.size() == static_cast<size_t>(DType::U64) + 1);

}  // namespace

std::string_view dtype_name(DType dtype) {
  return kTypes[static_cast<size_t>(dtype)].name;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (size_t i = 0; i < kTypes.size(); ++i)
    if (kTypes[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

int dtype_bits(DType dtype) {
  return kTypes[static_cast<size_t>(dtype)].bits;
}

}  // namespace strata
