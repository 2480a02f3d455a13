#include "strata/surgery/interface.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>

#include "strata/base/error.h"
#include "strata/stack/run.h"

namespace strata {
namespace {

// What every block reads, all of them in order, and behind the last what the head reads: [depth + 1] of [rows, channels].
std::vector<Tensor> inputs_of(const Model& model, const Stream& input) {
  const RunOptions options;
  const Runner runner(model.stack(), options);
  const Route route = identity(model.stack().depth());
  runner.check(route, input.rows()->sequences);
  Stream x = runner.embed(input);
  Runner::Progress progress;
  std::vector<Tensor> inputs{x.x()};
  for (const Step& step : route.steps) {
    x = runner.step(step, x, progress);
    inputs.push_back(x.x());
  }
  return inputs;
}

Seam compare(int64_t slot, std::string block, const Tensor& then, const Tensor& now) {
  const Tensor before = then.to(at::kDouble), after = now.to(at::kDouble);
  const Tensor length = before.norm(2, 1);
  return {.slot = slot,
          .block = std::move(block),
          .norm_then = length.mean().item<double>(),
          .norm_now = after.norm(2, 1).mean().item<double>(),
          .cka = linear_cka(before, after),
          .difference = ((after - before).norm(2, 1) / length).mean().item<double>()};
}

std::string name_of(const std::string& source, int64_t block) {
  return (source.empty() ? "" : source + ":") + std::to_string(block);
}

}  // namespace

double linear_cka(const Tensor& x, const Tensor& y) {
  if (x.dim() != 2 || y.dim() != 2 || x.size(0) != y.size(0))
    fail("cka: expected two matrices with as many rows, got ", x.sizes(), " and ", y.sizes());
  const Tensor a = x.to(at::kDouble) - x.to(at::kDouble).mean(0), b = y.to(at::kDouble) - y.to(at::kDouble).mean(0);
  const double both = a.t().mm(b).square().sum().item<double>();
  const double own = a.t().mm(a).norm().item<double>() * b.t().mm(b).norm().item<double>();
  return own > 0 ? both / own : std::nan("");
}

std::vector<Origin> origins_of(const Model& model, const Route& route, const ModelSources& sources) {
  std::vector<Origin> origins;
  for (const Step& step : route.steps)
    for (const Call& call : step)
      origins.push_back({call.source, call.source.empty() ? &model : sources.find(call.source)->second, call.block});
  origins.push_back({"", &model, model.stack().depth()});
  return origins;
}

std::vector<Seam> seams_of(const Model& merged, const Model& embed, const std::vector<Origin>& origins,
                           const Stream& input) {
  const c10::InferenceMode no_gradients;
  const auto now = inputs_of(merged, input);
  if (origins.size() != now.size())
    fail("interface: expected the origins of ", now.size() - 1, " blocks and the head, got ", origins.size());
  std::map<const Model*, std::vector<Tensor>> own;
  std::vector<Seam> seams;
  for (size_t slot = 0; slot < origins.size(); ++slot) {
    const Origin& origin = origins[slot];
    const bool follows = slot == 0
                             ? origin.model == &embed && origin.block == 0
                             : origin.model == origins[slot - 1].model && origin.block == origins[slot - 1].block + 1;
    if (follows) continue;
    auto& then = own[origin.model];
    if (then.empty()) then = inputs_of(*origin.model, input);
    const bool head = slot + 1 == origins.size();
    seams.push_back(compare(static_cast<int64_t>(slot), head ? "head" : name_of(origin.source, origin.block),
                            then.at(origin.block), now[slot]));
  }
  return seams;
}

std::vector<Seam> seams_between(const Model& merged, const std::string& name, const Model& source,
                                const Stream& input) {
  const c10::InferenceMode no_gradients;
  const int64_t depth = merged.stack().depth();
  if (source.stack().depth() != depth)
    fail("interface: expected models of one depth, got ", depth, " and ", source.stack().depth());
  const auto now = inputs_of(merged, input), then = inputs_of(source, input);
  std::vector<Seam> seams;
  for (int64_t slot = 0; slot <= depth; ++slot)
    seams.push_back(compare(slot, slot == depth ? name + " head" : name_of(name, slot), then[slot], now[slot]));
  return seams;
}

double kinship(const Model& a, const Model& b) {
  double both = 0, own_a = 0, own_b = 0;
  for (const auto& entry : a.stack().weights.entries()) {
    if (split_block_weight(entry.name).block < 0 || entry.value.dim() < 2) continue;
    const auto* other = b.stack().weights.find(entry.name);
    if (!other) continue;
    if (other->value.sizes() != entry.value.sizes())
      fail("interface: '", entry.name, "' is ", entry.value.sizes(), " in one model and ", other->value.sizes(),
           " in the other; models of different sizes have nothing in common to compare");
    const Tensor x = entry.value.to(at::kDouble), y = other->value.to(at::kDouble);
    both += (x * y).sum().item<double>();
    own_a += x.square().sum().item<double>();
    own_b += y.square().sum().item<double>();
  }
  return own_a > 0 && own_b > 0 ? both / std::sqrt(own_a * own_b) : std::nan("");
}

}  // namespace strata
