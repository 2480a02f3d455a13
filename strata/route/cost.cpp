#include "strata/route/cost.h"

namespace strata {

double whole_block_cost(const Call&) {
  return 1;
}

CallCost part_cost(const ChainSpec& chain, const Sources& sources) {
  return [&chain, &sources](const Call& call) {
    if (call.part.empty()) return 1.0;
    const auto& parts = chain_of(call, chain, sources).blocks.at(call.block).parts;
    return 1.0 / static_cast<double>(parts.size());
  };
}

double cost(const Step& step, const CallCost& call_cost) {
  double sum = 0;
  for (const auto& call : step) sum += call_cost(call);
  return sum;
}

double cost(const Route& route, const CallCost& call_cost) {
  double sum = 0;
  for (const auto& step : route.steps) sum += cost(step, call_cost);
  return sum;
}

}  // namespace strata
