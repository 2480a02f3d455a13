#pragma once

#include <string_view>

#include "strata/route/route.h"

namespace strata {

/// The most a text may ask for; smaller bounds suit callers who must stay quick on hostile input.
struct RouteBounds {
  int64_t steps = kMaxRouteSteps;
  int64_t calls = kMaxRouteCalls;
  int64_t members = kMaxRouteMembers;
};

/// Reads a route written in the grammar
///   route  := "none" | step ("," step)*          none: head(embed(x))
///   step   := span | group
///   span   := [source ":"] index ["-" index] ["." part] [limits] ["x" times]     repeats the whole span: 0-2x2 is 0,1,2,0,1,2
///   group  := call ("+" call)+                                                   side by side
///   call   := [source ":"] index ["." part] [limits]
///   limits := "[" limit (";" limit)* "]"
///   limit  := ("heads"|"neurons"|"inputs") "=" (set | percent "@" selector)
///   set    := member ("," member)*               member := index | index "-" index
/// Names start with a letter or underscore and go on with letters, digits and underscores; in "4.ffnx2" the x2 repeats,
/// so no part's name may end in x and digits. Spaces around a step are ignored. The first index of a range must not
/// exceed the second. Throws Error with the position (from 1), what was expected and what was found. Work and memory
/// are bounded by the limits of route.h, whatever the text says.
Route parse_route(std::string_view text, const RouteBounds& bounds = {});

}  // namespace strata
