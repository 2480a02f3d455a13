#include "strata/eval/probe_json.h"

#include <algorithm>
#include <cmath>

namespace strata {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no "not a number".
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json to_json(const Spread& spread) {
  return {{"routes", spread.routes},       {"population", number(spread.population)},
          {"mean", number(spread.mean)},   {"sd", number(spread.sd)},
          {"low", number(spread.low)},     {"high", number(spread.high)},
          {"least", number(spread.least)}, {"most", number(spread.most)}};
}

Json to_json(const ElasticityReport::Measured& measured) {
  Json json{{"route", measured.route},
            {"accuracy", number(measured.accuracy)},
            {"loss", number(measured.loss)},
            {"low", number(measured.images.low)},
            {"high", number(measured.images.high)}};
  if (measured.bits_per_byte > 0) json["bits_per_byte"] = number(measured.bits_per_byte);
  return json;
}

template <class List, class Function>
Json list(const List& items, Function&& convert) {
  Json json = Json::array();
  for (const auto& item : items) json.push_back(convert(item));
  return json;
}

// One list for each block.
Json matrix(const std::vector<double>& values, int64_t depth) {
  Json rows = Json::array();
  const int64_t columns = depth > 0 ? std::ssize(values) / depth : 0;
  for (auto row = values.begin(); row != values.end(); row += columns)
    rows.push_back(list(std::vector<double>(row, row + columns), number));
  return rows;
}

Json to_json(const BlockMap& map, bool with_points) {
  Json json{{"points", map.block.size()},
            {"share_block", number(map.share_block)},
            {"share_slot", number(map.share_slot)},
            {"trustworthiness", number(map.trustworthiness)}};
  if (!with_points) return json;
  json["block"] = map.block;
  json["slot"] = map.slot;
  json["x"] = list(map.x, number);
  json["y"] = list(map.y, number);
  return json;
}

Json to_json(const ElasticityReport& report, bool with_map) {
  using Report = ElasticityReport;
  const auto measured = [](const Report::Measured& item) { return to_json(item); };
  Json json{{"name", report.name},
            {"origin", report.origin},
            {"data", report.data},
            {report.unit, report.images},
            {"classes", report.classes},
            {"depth", report.depth},
            {"confidence", report.confidence},
            {"seed", report.seed},
            {"guess", report.guess()},
            {"in_order", to_json(report.in_order)},
            {"any_order", to_json(report.any_order)}};
  json["orders"] = list(report.orders, [](const Report::Order& order) {
    return Json{{"route", order.route},
                {"distance", order.distance},
                {"accuracy", number(order.accuracy)},
                {"loss", number(order.loss)}};
  });
  json["distances"] = list(report.distances, [](const Report::AtDistance& at) {
    return Json{{"distance", at.distance}, {"accuracy", to_json(at.accuracy)}};
  });
  json["missing"] = list(report.missing, [](const Report::Missing& missing) {
    return Json{
        {"blocks", missing.blocks}, {"in_order", to_json(missing.in_order)}, {"any_order", to_json(missing.any_order)}};
  });
  json["without"] = list(report.without, measured);
  json["exits"] = list(report.exits, measured);
  json["pairs"] = matrix(report.pairs, report.depth);
  json["heads"] = matrix(report.heads, report.depth);
  json["neurons"] = matrix(report.neurons, report.depth);
  json["budgets"] = list(report.budgets, [](const Report::Budget& budget) {
    Json item{{"passes", budget.passes}};
    item.update(to_json(budget.measured));
    item["chosen_accuracy"] = number(budget.chosen_accuracy);
    item["recommended"] = budget.recommended;
    return item;
  });
  json["windows"] = list(report.windows, [](const Report::Window& window) {
    return Json{{"blocks", window.blocks}, {"accuracy", to_json(window.accuracy)}};
  });
  json["work"] = {{"routes", report.work.routes},
                  {"passes", report.work.passes},
                  {"passes_one_by_one", report.work.passes_one_by_one},
                  {"saving", report.work.saving()},
                  {"seconds", report.work.seconds},
                  {"timing_images", report.work.timing_images},
                  {"timing_shared", report.work.timing_shared},
                  {"timing_one_by_one", report.work.timing_one_by_one}};
  if (report.map) json["map"] = to_json(*report.map, with_map);
  return json;
}

void print(const Json& json, int indent, std::string& out) {
  const bool plain = !json.is_structured() || json.empty() ||
                     (json.is_array() &&
                      std::none_of(json.begin(), json.end(), [](const Json& item) { return item.is_structured(); }));
  if (plain) {
    // Bytes that are not UTF-8 (of a folder's name) become U+FFFD instead of an exception.
    out += json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  const std::string inner(indent + 1, ' ');
  out += json.is_object() ? "{" : "[";
  const char* separator = "\n";
  for (const auto& [key, value] : json.items()) {
    out += separator + inner;
    if (json.is_object()) out += Json(key).dump(-1, ' ', false, Json::error_handler_t::replace) + ": ";
    print(value, indent + 1, out);
    separator = ",\n";
  }
  out += "\n" + std::string(indent, ' ') + (json.is_object() ? "}" : "]");
}

}  // namespace

Json probe_json(const std::vector<ElasticityReport>& reports, bool with_map) {
  return {{"format", "strata-probe"},
          {"version", 1},
          {"models", list(reports, [&](const ElasticityReport& report) { return to_json(report, with_map); })}};
}

std::string pretty_json(const Json& json) {
  std::string out;
  print(json, 0, out);
  return out + "\n";
}

}  // namespace strata
