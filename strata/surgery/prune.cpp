#include "strata/surgery/prune.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"
#include "strata/route/print.h"
#include "strata/surgery/assemble.h"

namespace strata {
namespace {

constexpr uint64_t kMostProbe = uint64_t{64} << 20;  // bytes; a map of 100,000 points takes five MB

void check_keep(int64_t keep, int64_t depth) {
  if (keep < 0 || keep > depth) fail("prune: the model has ", depth, " blocks, cannot keep ", keep);
}

}  // namespace

Model prune(const Model& model, const Route& route) {
  const auto counts = occurrences(route);
  for (size_t i = 0; i < route.steps.size(); ++i)
    if (counts[i][0] > 0)
      fail("route step ", i + 1, ": block ", print_step(route.steps[i]),
           " was called before; pruning keeps each block at most once (strata merge repeats blocks)");
  return assemble(model, route);
}

Route keep_worthiest(const std::vector<double>& worth, int64_t keep) {
  check_keep(keep, std::ssize(worth));
  for (size_t i = 0; i < worth.size(); ++i)
    if (!std::isfinite(worth[i])) fail("prune: the worth of block ", i, " is not a number; is the model sound?");
  std::vector<int32_t> blocks(worth.size());
  std::iota(blocks.begin(), blocks.end(), 0);
  std::stable_sort(blocks.begin(), blocks.end(), [&](int32_t a, int32_t b) { return worth[a] > worth[b]; });
  blocks.resize(keep);
  std::sort(blocks.begin(), blocks.end());
  return sequence(blocks);
}

Route keep_evenly(int64_t depth, int64_t keep) {
  check_keep(keep, depth);
  std::vector<int32_t> blocks;
  for (int64_t i = 0; i < keep; ++i)
    blocks.push_back(keep == 1 ? 0 : static_cast<int32_t>((2 * i * (depth - 1) + keep - 1) / (2 * (keep - 1))));
  return sequence(blocks);
}

std::vector<double> worth_by_probe(const std::string& path, int64_t depth) {
  const nlohmann::json tree = read_json(path, kMostProbe);
  const JsonFields fields(tree, path);
  if (fields.text("format", "") != "strata-probe") fields.refuse("format", "\"strata-probe\"");
  const auto* models = fields.find("models");
  if (!models || !models->is_array() || models->size() != 1)
    fields.refuse("models", "the report on one model; probe this model alone");
  const JsonFields model(models->front(), path + ": models[0]");
  if (const int64_t found = model.integer("depth", 0, 0, kMaxRouteSteps); found != depth)
    fail(path, ": reports on a model of ", found, " blocks, expected one of ", depth, "; is it this model's report?");
  const auto* without = model.find("without");
  const std::string expected = "the scores without each of " + std::to_string(depth) + " blocks";
  if (!without || !without->is_array() || std::ssize(*without) != depth) model.refuse("without", expected);
  std::vector<double> worth;
  for (const auto& item : *without) {
    const JsonFields measured(item, path + ": models[0].without[" + std::to_string(worth.size()) + "]");
    if (!measured.find("loss")) measured.refuse("loss", "a number");
    worth.push_back(measured.number("loss", 0));
  }
  return worth;
}

}  // namespace strata
