#include "apps/strata/verbs/shared.h"

#include <fmt/format.h>

#include <iostream>

#include "strata/base/error.h"

namespace strata::cli {

std::map<std::string, std::unique_ptr<Model>, std::less<>> open_sources(const std::vector<std::string>& sources) {
  std::map<std::string, std::unique_ptr<Model>, std::less<>> models;
  for (const auto& source : sources) {
    const auto equals = source.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == source.size())
      fail_usage("--source: expected NAME=FOLDER, got '", source, "'");
    const std::string name = source.substr(0, equals);
    if (models.contains(name)) fail_usage("--source: two models are called '", name, "'");
    models[name] = std::make_unique<Model>(open_model(source.substr(equals + 1)));
  }
  return models;
}

StackSources stacks_of(const std::map<std::string, std::unique_ptr<Model>, std::less<>>& models) {
  StackSources stacks;
  for (const auto& [name, model] : models) stacks[name] = &model->stack();
  return stacks;
}

ImageConfig images_of(const Model& model) {
  return {.mean = model.pixel_mean, .std = model.pixel_std};
}

ImageSet load_for(const Model& model, const std::string& data, const std::string& split, int64_t limit) {
  return load_images(data, split, {.limit = limit, .fit = model.fit, .channels = model.vit.image_channels});
}

std::string percent(double fraction) {
  return fmt::format("{:.1f} %", 100 * fraction);
}

void print_json(const nlohmann::ordered_json& json) {
  std::cout << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
}

nlohmann::ordered_json json_of(const RouteScores& scores) {
  return {{"routes", scores.routes},
          {"mean", scores.mean},
          {"sd", scores.sd},
          {"least", scores.least},
          {"most", scores.most}};
}

}  // namespace strata::cli
