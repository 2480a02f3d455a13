// Parser: strata/route/parse.cpp
#include <stdexcept>
#include <string>
#include <string_view>

#include "strata/base/error.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"

namespace strata {
namespace {

// Small, so that a few bytes cannot ask for milliseconds of work; every check of the parser runs against them all the
// same.
constexpr RouteBounds kBounds{.steps = 256, .calls = 256, .members = 1024};

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

void round_trip(std::string_view text) {
  Route route;
  try {
    route = parse_route(text, kBounds);
  } catch (const Error& error) {
    require(std::string_view(error.what()).starts_with("route, position "), "a parse error names its position");
    return;
  }
  check_well_formed(route);
  const std::string printed = print_route(route);
  const Route again = parse_route(printed, kBounds);
  require(again == route, "parse(print(r)) == r");
  require(print_route(again) == printed, "printing is canonical");
}

}  // namespace
}  // namespace strata

// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::round_trip({reinterpret_cast<const char*>(data), size});
  return 0;
}
