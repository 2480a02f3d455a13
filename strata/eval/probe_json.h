#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "strata/eval/probe.h"

namespace strata {

/// Reports as JSON: {"format": "strata-probe", "version": 1, "models": [...]}, one entry per report with its fields
/// under their names. Accuracies are 0 .. 1; a number that does not exist is null; `with_map` false leaves out the
/// points of the maps.
nlohmann::ordered_json probe_json(const std::vector<ElasticityReport>& reports, bool with_map = true);

/// JSON text for people: objects indented, lists of plain values on one line. Ends with a line break.
std::string pretty_json(const nlohmann::ordered_json& json);

}  // namespace strata
