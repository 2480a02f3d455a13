#pragma once

#include "strata/train/loop.h"

namespace strata {

template <class Json>
void to_json(Json& json, const RouteScores& scores) {
  json = {{"routes", scores.routes},
          {"mean", scores.mean},
          {"sd", scores.sd},
          {"least", scores.least},
          {"most", scores.most}};
}

template <class Json>
void from_json(const Json& json, RouteScores& scores) {
  json.at("routes").get_to(scores.routes);
  json.at("mean").get_to(scores.mean);
  json.at("sd").get_to(scores.sd);
  json.at("least").get_to(scores.least);
  json.at("most").get_to(scores.most);
}

}  // namespace strata
