#include "strata/blocks/block.h"

namespace strata {

std::vector<ParamInfo> prefixed(std::string_view name, std::vector<ParamInfo> params) {
  for (auto& param : params)
    if (!param.shared) param.name = std::string(name) + "." + param.name;
  return params;
}

void append(std::vector<ParamInfo>& all, std::vector<ParamInfo> more) {
  for (auto& param : more) all.push_back(std::move(param));
}

}  // namespace strata
