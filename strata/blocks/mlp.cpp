#include "strata/blocks/mlp.h"

#include <optional>

#include "strata/base/error.h"
#include "strata/ops/pre_norm.h"

namespace strata {
namespace {

// The activation of ops::pre_norm_mlp, where it has this one.
std::optional<ops::MlpActivation> fused_activation(ops::Activation activation, bool gated) {
  using enum ops::MlpActivation;
  if (gated) return activation == ops::Activation::silu ? std::optional(swiglu) : std::nullopt;
  if (activation == ops::Activation::gelu) return gelu;
  if (activation == ops::Activation::gelu_tanh) return gelu_tanh;
  return std::nullopt;
}

}  // namespace

Mlp::Mlp(const MlpConfig& config)
    : config_(config),
      activation_(config.activation == "swiglu" ? ops::Activation::silu : ops::activation_of(config.activation)),
      gated_(config.gated || config.activation == "swiglu") {
  if (config.channels < 1 || config.hidden < 1)
    fail("mlp: expected positive sizes, got ", config.channels, " channels and ", config.hidden, " hidden");
}

BlockSpec Mlp::spec() const {
  const std::vector<TrackSpec> track{{"x", "", config_.channels}};
  return {.name = gated_ ? "gated_mlp" : "mlp", .in = track, .out = track, .neurons = config_.hidden};
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
  const auto activation = fused_activation(activation_, gated_);
  if (!activation || pass.keep.neurons.defined() || pass.wants("neurons")) return {};
  const auto up = weights.linear_weights("up"), down = weights.linear_weights("down");
  if (!up || !down || !ops::pre_norm_fused(x.x(), x.rows()->count, norm, *up, *down)) return {};
  return ops::pre_norm_mlp(x.x(), norm, *up, *down, *activation, add_input);
}

Stream Mlp::forward(const Weights& weights, const Stream& x, Pass& pass) const {
  const Tensor& kept = pass.keep.neurons;
  const Tensor up =
      weights.linear(x.x(), "up", gated_ && kept.defined() ? at::cat({kept, kept + config_.hidden}) : kept, {});
  const Tensor hidden = gated_ ? ops::gated(activation_, up) : ops::activate(activation_, up);
  pass.tap("neurons", hidden);
  return x.delta(weights.linear(hidden, "down", {}, kept));
}

}  // namespace strata
