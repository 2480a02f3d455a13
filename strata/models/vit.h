#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strata/formats/vit_config.h"
#include "strata/stack/stack.h"

namespace strata {

/// Published and in-house sizes by name: "fashion" (28 x 28, patches of 7, 6 blocks of 48 channels), "Ti/16", "S/16",
/// "M/16", "B/16", "B/32" (224 x 224). Throws Error listing the known names.
VitConfig vit_size(std::string_view name);
std::vector<std::string> vit_sizes();

/// One stack named "vision" without weights (see wire_stack). Throws Error when sizes do not fit.
Stack wire_vit(const VitConfig& config);
/// One stack named "vision" with fresh weights. Throws Error when sizes do not fit.
Stack make_vit(const VitConfig& config, Random random);

}  // namespace strata
