#include "strata/stack/run.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <iostream>

#include "apps/strata/table.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/blocks/tokens.h"
#include "strata/models/tensor_file.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"

namespace strata::cli {
namespace {

const Tensor& named(const NamedTensors& tensors, const char* name, const char* shape, const std::string& path) {
  if (const auto found = tensors.find(name); found != tensors.end()) return found->second;
  std::string names;
  for (const auto& [other, tensor] : tensors) names += (names.empty() ? "" : ", ") + other;
  fail(path, ": expected a tensor ", name, " ", shape, ", found ", names.empty() ? "none at all" : names);
}

Tensor pixels_of(const NamedTensors& tensors, const std::string& path) {
  const Tensor& pixels = named(tensors, "pixel_values", "[batch, channels, height, width]", path);
  if (!pixels.is_floating_point())
    fail(path, ": pixel_values: expected numbers with a point (float32), found ", c10::toString(pixels.scalar_type()));
  return pixels.to(at::kFloat).contiguous();
}

// tokens [batch, time] int64; with lengths [batch] int64, the first of each row only.
Stream tokens_of(const NamedTensors& tensors, const std::string& path) {
  const Tensor& tokens = named(tensors, "tokens", "[batch, time]", path);
  if (tokens.dim() != 2 || tokens.scalar_type() != at::kLong || tokens.numel() == 0)
    fail(path, ": tokens: expected [batch, time] of type I64, found ", tokens.sizes(), " of type ",
         c10::toString(tokens.scalar_type()));
  const auto lengths = tensors.find("lengths");
  if (lengths == tensors.end())
    return token_stream(tokens.flatten().contiguous(), equal_rows(tokens.size(0), tokens.size(1)));
  const Tensor& counts = lengths->second;
  if (counts.dim() != 1 || counts.size(0) != tokens.size(0) || counts.scalar_type() != at::kLong ||
      counts.min().item<int64_t>() < 0 || counts.max().item<int64_t>() > tokens.size(1))
    fail(path, ": lengths: expected for each of ", tokens.size(0), " rows of tokens how many of its ", tokens.size(1),
         " count, as I64");
  std::vector<Tensor> parts;
  std::vector<int64_t> each;
  for (int64_t s = 0; s < tokens.size(0); ++s) {
    each.push_back(counts[s].item<int64_t>());
    parts.push_back(tokens[s].slice(0, 0, each.back()));
  }
  return token_stream(at::cat(parts), ragged_rows(each));
}

Stream input_of(const Model& model, const std::string& path) {
  const NamedTensors tensors = load_tensors(path);
  return model.is_language() ? tokens_of(tensors, path) : image_stream(pixels_of(tensors, path));
}

}  // namespace

void run(const Common& common, const Run& options) {
  const OpenModels open = open_models(options.models, options.sources, options.adapter);
  const Model& model = open.first();
  const Route route = options.route.empty() ? identity(model.stack().depth()) : parse_route(options.route);
  const Stream input = input_of(model, options.input);
  Taps taps(options.taps);
  RunOptions run_options{.taps = options.taps.empty() ? nullptr : &taps, .sources = &open.stacks};
  const at::NoGradGuard no_gradients;
  const Stream out = strata::run(model.stack(), route, input, run_options);
  Tensor logits = out.x();
  const bool row_by_row = model.is_language() || !model.stack().head;
  if (row_by_row && !out.rows()->ragged()) logits = logits.unflatten(0, {out.rows()->sequences, out.rows()->length});
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
