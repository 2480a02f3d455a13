#include "strata/stack/run.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <iostream>

#include "apps/strata/table.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/models/tensor_file.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"

namespace strata::cli {
namespace {

Tensor pixels_of(const std::string& path) {
  const NamedTensors tensors = load_tensors(path);
  const auto found = tensors.find("pixel_values");
  if (found == tensors.end()) {
    std::string names;
    for (const auto& [name, tensor] : tensors) names += (names.empty() ? "" : ", ") + name;
    fail(path, ": expected a tensor pixel_values [batch, channels, height, width], found ",
         names.empty() ? "none at all" : names);
  }
  if (!found->second.is_floating_point())
    fail(path, ": pixel_values: expected numbers with a point (float32), found ",
         c10::toString(found->second.scalar_type()));
  return found->second.to(at::kFloat).contiguous();
}

}  // namespace

void run(const Common& common, const Run& options) {
  const OpenModels open = open_models(options.models, options.sources);
  const Model& model = open.first();
  const Route route = options.route.empty() ? identity(model.stack().depth()) : parse_route(options.route);
  const Tensor pixels = pixels_of(options.input);
  Taps taps(options.taps);
  RunOptions run_options{.taps = options.taps.empty() ? nullptr : &taps, .sources = &open.stacks};
  const at::NoGradGuard no_gradients;
  const Tensor logits = strata::run(model.stack(), route, image_stream(pixels), run_options).x();
  NamedTensors results{{"logits", logits.contiguous()}};
  for (const auto& [name, value] : taps.values()) results[name] = value.contiguous();
  for (const auto& name : taps.missing())
    fail("--tap: this route passes no '", name,
         "'; taps are embed, slot.N, slot.N.block.B.mixer, slot.N.block.B.ffn, norm and head");
  save_tensors(options.output, results, {{"format", "pt"}, {"route", print_route(route)}});
  if (common.json) {
    nlohmann::ordered_json json{{"output", options.output}, {"route", print_route(route)}};
    for (const auto& [name, value] : results) json["tensors"][name] = value.sizes().vec();
    print_json(json);
  } else if (!common.quiet) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [name, value] : results)
      rows.push_back({name, fmt::format("[{}]", fmt::join(value.sizes(), ", "))});
    print_table({"written to " + options.output, "shape"}, rows);
  }
}

}  // namespace strata::cli
