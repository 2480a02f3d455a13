#pragma once

#include <string>

#include "strata/route/route.h"

namespace strata {

/// The canonical text: from the left the longest ascending runs of like calls, then equal neighbouring runs as repeats,
/// no spaces. parse_route(print_route(r)) == r, and two texts of one route print the same.
std::string print_route(const Route& route);

/// The same for one step: "4", "4+5", "a:3.ffn[heads=0-3]".
std::string print_step(const Step& step);

}  // namespace strata
