#include "strata/surgery/stored_routes.h"

#include <algorithm>
#include <optional>

#include "strata/base/error.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"
#include "strata/route/sampler.h"

namespace strata {
namespace {

std::optional<Route> as_route(const std::string& text) {
  try {
    return parse_route(text);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<SamplerConfig> as_sampler(const std::string& text) {
  SamplerConfig config;
  try {
    read_config(config, parse_toml(text, "sampler"));
  } catch (const Error&) {
    return std::nullopt;
  }
  return config;
}

}  // namespace

Route renumber(const Route& route, const std::vector<int32_t>& now) {
  Route result;
  for (const Step& step : route.steps) {
    Step kept;
    for (Call call : step) {
      if (call.source.empty()) {
        call.block = call.block < std::ssize(now) ? now[call.block] : -1;
        if (call.block < 0) continue;
      }
      kept.push_back(std::move(call));
    }
    if (!kept.empty()) result.steps.push_back(std::move(kept));
  }
  return result;
}

std::string renumber_stored(const std::string& text, const std::vector<int32_t>& now) {
  if (const auto route = as_route(text)) return print_route(renumber(*route, now));
  auto sampler = as_sampler(text);
  if (!sampler) return text;
  if (const auto route = as_route(sampler->route)) sampler->route = print_route(renumber(*route, now));
  if (sampler->rates.size() == now.size()) {
    std::vector<double> rates(std::count_if(now.begin(), now.end(), [](int32_t block) { return block >= 0; }));
    for (size_t i = 0; i < now.size(); ++i)
      if (now[i] >= 0 && now[i] < std::ssize(rates)) rates[now[i]] = sampler->rates[i];
    sampler->rates = rates;
  }
  return print_toml(config_node(*sampler));
}

}  // namespace strata
