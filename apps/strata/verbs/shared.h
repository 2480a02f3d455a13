#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/strata/tensor_verbs.h"
#include "strata/data/images.h"
#include "strata/models/model.h"
#include "strata/train/loop.h"

namespace strata::cli {

// Bodies of the verbs that need tensors.
void train(const Common& common, const Train& options);
void eval(const Common& common, const Eval& options);
void run(const Common& common, const Run& options);
void probe(const Common& common, const Probe& options);
void bench(const Common& common, const Bench& options);
TorchFacts torch_facts(const Common& common);
double gelu_milliseconds(const Common& common);

/// Opens the models that routes may call: "a=FOLDER" each. Their addresses stay while the map lives.
std::map<std::string, std::unique_ptr<Model>, std::less<>> open_sources(const std::vector<std::string>& sources);
StackSources stacks_of(const std::map<std::string, std::unique_ptr<Model>, std::less<>>& models);

/// How the model wants its pixels.
ImageConfig images_of(const Model& model);

/// A data set in the size and channels that the model takes.
ImageSet load_for(const Model& model, const std::string& data, const std::string& split, int64_t limit);

/// "87.3 %".
std::string percent(double fraction);

/// Prints one JSON value, indented, on standard output.
void print_json(const nlohmann::ordered_json& json);

/// {"routes", "mean", "sd", "least", "most"}.
nlohmann::ordered_json json_of(const RouteScores& scores);

}  // namespace strata::cli
