#include "strata/blocks/mlp.h"

#include "strata/base/error.h"
#include "strata/ops/activation.h"

namespace strata {

Mlp::Mlp(const MlpConfig& config) : config_(config), gated_(config.activation == "swiglu") {
  if (!gated_ && config.activation != "gelu")
    fail("mlp: unknown activation '", config.activation, "'; known: gelu, swiglu");
  if (config.channels < 1 || config.hidden < 1)
    fail("mlp: expected positive sizes, got ", config.channels, " channels and ", config.hidden, " hidden");
}

BlockSpec Mlp::spec() const {
  const std::vector<TrackSpec> track{{"x", "", config_.channels}};
  return {.name = gated_ ? "swiglu_mlp" : "mlp", .in = track, .out = track, .neurons = config_.hidden};
}

std::vector<ParamInfo> Mlp::params() const {
  const auto init = Init::truncated_normal(config_.init_std);
  const int64_t up = gated_ ? 2 * config_.hidden : config_.hidden;
  std::vector<ParamInfo> result{{"up.weight", {up, config_.channels}, init}};
  if (config_.bias) result.push_back({"up.bias", {up}, Init::zeros(), false});
  result.push_back({"down.weight", {config_.channels, config_.hidden}, init});
  if (config_.bias) result.push_back({"down.bias", {config_.channels}, Init::zeros(), false});
  return result;
}

Tensor Mlp::behind_norm(const ops::NormInFront& norm, const Weights& weights, const Stream& x, const Pass& pass,
                        bool add_input) const {
  if (pass.keep.neurons.defined() || pass.wants("neurons")) return {};
  const auto up = weights.linear_weights("up"), down = weights.linear_weights("down");
  if (!up || !down || !ops::pre_norm_fused(x.x(), x.rows()->count, norm, *up, *down)) return {};
  return ops::pre_norm_mlp(x.x(), norm, *up, *down, gated_, add_input);
}

Stream Mlp::forward(const Weights& weights, const Stream& x, Pass& pass) const {
  const Tensor& kept = pass.keep.neurons;
  const Tensor up =
      weights.linear(x.x(), "up", gated_ && kept.defined() ? at::cat({kept, kept + config_.hidden}) : kept, {});
  const Tensor hidden = gated_ ? ops::swiglu(up) : ops::gelu(up);
  pass.tap("neurons", hidden);
  return x.delta(weights.linear(hidden, "down", {}, kept));
}

}  // namespace strata
