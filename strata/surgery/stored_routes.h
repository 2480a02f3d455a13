#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strata/route/route.h"

namespace strata {

/// The route as it reads after surgery: call of block i of the opened model becomes one of block `now[i]`, and vanishes
/// where that is -1, with its step when nothing else is left in it. Calls of other sources stay as they are.
Route renumber(const Route& route, const std::vector<int32_t>& now);

/// The same for what a checkpoint remembers it was trained for: the text of a route, or a sampler's table in TOML, whose
/// route and list of rates are rewritten. Text that is neither comes back unchanged.
std::string renumber_stored(const std::string& text, const std::vector<int32_t>& now);

}  // namespace strata
