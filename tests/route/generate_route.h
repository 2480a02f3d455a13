#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "strata/route/print.h"
#include "strata/route/route.h"

// Routes of every form the grammar can write, with few blocks, so that runs, repeats and shared prefixes are frequent.
namespace strata::testing {

inline rc::Gen<Limit> a_limit(Limit::Kind kind) {
  const auto exact = rc::gen::map(rc::gen::nonEmpty(rc::gen::container<std::vector<int32_t>>(rc::gen::inRange(0, 9))),
                                  [kind](std::vector<int32_t> members) {
                                    std::sort(members.begin(), members.end());
                                    members.erase(std::unique(members.begin(), members.end()), members.end());
                                    return Limit{.kind = kind, .members = std::move(members)};
                                  });
  const auto policy = rc::gen::map(rc::gen::inRange(1, 101), [kind](int percent) {
    return Limit{.kind = kind, .percent = percent, .selector = "predicted"};
  });
  return rc::gen::oneOf(exact, policy);
}

inline rc::Gen<std::vector<Limit>> some_limits() {
  using Kinds = std::vector<Limit::Kind>;
  const auto kinds = rc::gen::weightedElement<Kinds>({{12, {}},
                                                      {1, {Limit::Kind::heads}},
                                                      {1, {Limit::Kind::neurons, Limit::Kind::inputs}},
                                                      {1, {Limit::Kind::heads, Limit::Kind::neurons}}});
  return rc::gen::mapcat(kinds, [](const Kinds& chosen) {
    auto limits = rc::gen::just(std::vector<Limit>{});
    for (const auto kind : chosen)
      limits = rc::gen::map(rc::gen::pair(limits, a_limit(kind)), [](std::pair<std::vector<Limit>, Limit> both) {
        both.first.push_back(both.second);
        return both.first;
      });
    return limits;
  });
}

inline rc::Gen<Call> a_call() {
  const auto source = rc::gen::weightedElement<std::string>({{6, ""}, {1, "a"}, {1, "none"}});
  const auto part = rc::gen::weightedElement<std::string>({{6, ""}, {1, "mixer"}, {1, "x_"}});
  return rc::gen::map(rc::gen::tuple(source, rc::gen::inRange(0, 6), part, some_limits()),
                      [](const std::tuple<std::string, int32_t, std::string, std::vector<Limit>>& all) {
                        const auto& [source, block, part, limits] = all;
                        return Call{source, block, part, limits};
                      });
}

inline rc::Gen<std::vector<Step>> a_span() {
  const auto group =
      rc::gen::map(rc::gen::pair(a_call(), rc::gen::nonEmpty(rc::gen::container<Step>(a_call()))), [](auto both) {
        both.second.push_back(both.first);
        return std::vector<Step>{both.second};
      });
  const auto span = rc::gen::map(rc::gen::tuple(a_call(), rc::gen::inRange(1, 5), rc::gen::inRange(1, 4)),
                                 [](const std::tuple<Call, int, int>& all) {
                                   const auto& [call, length, times] = all;
                                   std::vector<Step> steps;
                                   for (int time = 0; time < times; ++time)
                                     for (int i = 0; i < length; ++i) {
                                       steps.push_back({call});
                                       steps.back()[0].block += i;
                                     }
                                   return steps;
                                 });
  return rc::gen::weightedOneOf<std::vector<Step>>({{5, span}, {1, group}});
}

inline rc::Gen<Route> a_route() {
  return rc::gen::map(rc::gen::container<std::vector<std::vector<Step>>>(a_span()),
                      [](const std::vector<std::vector<Step>>& spans) {
                        Route route;
                        for (const auto& steps : spans)
                          route.steps.insert(route.steps.end(), steps.begin(), steps.end());
                        return route;
                      });
}

/// Several routes that often begin alike.
inline rc::Gen<std::vector<Route>> some_routes() {
  const auto plain = rc::gen::map(rc::gen::container<std::vector<int32_t>>(rc::gen::inRange(0, 3)), sequence);
  const auto mixed =
      rc::gen::weightedOneOf<Route>({{4, rc::gen::resize(6, plain)}, {1, rc::gen::resize(3, a_route())}});
  return rc::gen::resize(30, rc::gen::container<std::vector<Route>>(mixed));
}

}  // namespace strata::testing

namespace strata {
// NOLINTNEXTLINE(readability-identifier-naming)
inline void showValue(const Route& route, std::ostream& out) {
  out << print_route(route);
}  // rapidcheck finds it
}  // namespace strata

template <>
struct rc::Arbitrary<strata::Route> {
  static Gen<strata::Route> arbitrary() { return strata::testing::a_route(); }
};
