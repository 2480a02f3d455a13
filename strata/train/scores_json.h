#pragma once

#include "strata/train/loop.h"

namespace strata {

// What results, tables and verbs write about scores, for nlohmann's json and ordered_json.

template <class Json>
void to_json(Json& json, const Score& score) {
  json = {{"samples", score.samples}, {"accuracy", score.accuracy}, {"loss", score.loss}};
  if (score.is_text()) json["bits_per_byte"] = score.bits_per_byte;
}

template <class Json>
void from_json(const Json& json, Score& score) {
  json.at("samples").get_to(score.samples);
  json.at("accuracy").get_to(score.accuracy);
  json.at("loss").get_to(score.loss);
  score.bits_per_byte = json.value("bits_per_byte", 0.0);
}

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
