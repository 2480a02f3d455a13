#include "strata/blocks/slots.h"

#include "strata/base/error.h"
#include "strata/ops/activation.h"
#include "strata/ops/norm.h"

namespace strata {
namespace {

// Norm and linear layer over `in` channels.
std::vector<ParamInfo> norm_and_linear(int64_t in, int64_t out, double std) {
  return {{"norm.weight", {in}, Init::ones(), false},
          {"norm.bias", {in}, Init::zeros(), false},
          {"linear.weight", {out, in}, Init::truncated_normal(std)},
          {"linear.bias", {out}, Init::zeros(), false}};
}

// x [rows, channels] -> mean over the rows of each sequence [sequences, channels]
Tensor sequence_means(const Tensor& x, const Rows& rows) {
  if (!rows.ragged()) return x.reshape({rows.sequences, rows.length, x.size(1)}).mean(1);
  const auto sums =
      at::zeros({rows.sequences, x.size(1)}, x.options()).index_add(0, rows.sequence_of_row().to(x.device()), x);
  return sums / rows.offsets.diff().clamp_min(1).to(x.options()).unsqueeze(1);
}

void check(const SlotConfig& config, const char* who) {
  if (config.channels < 1 || config.slots < 1 || config.slot_channels < 1)
    fail(who, ": expected positive sizes, got ", config.channels, " channels, ", config.slots, " slots of ",
         config.slot_channels);
}

}  // namespace

SlotAdapter::SlotAdapter(const SlotConfig& config) : config_(config) {
  check(config, "slot adapter");
}

BlockSpec SlotAdapter::spec() const {
  const std::vector<TrackSpec> track{{"x", "", config_.channels}};
  return {.name = "slot_adapter", .in = track, .out = track};
}

std::vector<ParamInfo> SlotAdapter::params() const {
  auto result = norm_and_linear(config_.channels + config_.slot_channels, config_.channels, config_.init_std);
  result.push_back({.name = "slot_table",
                    .shape = {config_.slots, config_.slot_channels},
                    .init = Init::zeros(),
                    .decay = false,
                    .shared = true});
  return result;
}

Stream SlotAdapter::forward(const Weights& weights, const Stream& x, Pass& pass) const {
  if (pass.place.slot >= config_.slots)
    fail(pass.place.name, ": this model was built for ", config_.slots,
         " slots, the route has more steps; build it with more slots");
  const Tensor slot =
      weights.shared("slot_table").select(0, pass.place.slot).expand({x.x().size(0), config_.slot_channels});
  const Tensor normed =
      ops::layer_norm(at::cat({x.x(), slot}, 1), weights["norm.weight"], weights["norm.bias"], config_.norm_eps);
  return x.delta(ops::gelu(weights.linear(normed, "linear")));
}

SlotPredictor::SlotPredictor(const SlotConfig& config) : config_(config) {
  check(config, "slot predictor");
}

BlockSpec SlotPredictor::spec() const {
  return {.name = "slot_predictor", .in = {{"x", "", config_.channels}}, .out = {}};
}

std::vector<ParamInfo> SlotPredictor::params() const {
  return norm_and_linear(config_.channels, config_.slots, config_.init_std);
}

Stream SlotPredictor::forward(const Weights& weights, const Stream& x, Pass& pass) const {
  if (pass.wants("slot_logits")) {
    const Tensor normed = ops::layer_norm(sequence_means(x.x(), *x.rows()), weights["norm.weight"],
                                          weights["norm.bias"], config_.norm_eps);
    pass.tap("slot_logits", weights.linear(normed, "linear"));
  }
  return {};
}

void add_slot_parts(std::vector<Part>& parts, const std::string& variant, const SlotConfig& config, const char* who) {
  if (variant == "none") return;
  if (variant == "position") {
    parts.insert(parts.begin(), {"place", std::make_shared<SlotAdapter>(config)});
  } else if (variant == "predict") {
    parts.push_back({"predict", std::make_shared<SlotPredictor>(config)});
  } else {
    fail(who, ": slots must be none, position or predict, got '", variant, "'");
  }
}

}  // namespace strata
