#pragma once

#include <vector>

#include "apps/strata/verbs/shared.h"
#include "strata/route/route.h"

namespace strata::cli {

/// `strata eval` of a language model along routes: --text and --choices.
void eval_text(const Common& common, const Eval& options, const OpenModels& open, const std::vector<Route>& routes);

}  // namespace strata::cli
