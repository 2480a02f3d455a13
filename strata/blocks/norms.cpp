#include "strata/blocks/norms.h"

#include "strata/base/error.h"
#include "strata/ops/norm.h"

namespace strata {

NormKind norm_kind(const std::string& name) {
  if (name == "layer") return NormKind::layer;
  if (name == "rms") return NormKind::rms;
  if (name == "plain_layer") return NormKind::plain_layer;
  fail("norm: unknown kind '", name, "'; known: layer, rms, plain_layer");
}

BlockSpec Norm::spec() const {
  const std::vector<TrackSpec> track{{"x", "", channels_}};
  return {.name = kind_ == NormKind::rms ? "rms_norm" : "layer_norm",
          .in = track,
          .out = track,
          .kind = BlockSpec::Kind::replaces};
}

std::vector<ParamInfo> Norm::params() const {
  if (kind_ == NormKind::plain_layer) return {};
  std::vector<ParamInfo> result{{"weight", {channels_}, Init::ones(), false}};
  if (kind_ == NormKind::layer) result.push_back({"bias", {channels_}, Init::zeros(), false});
  return result;
}

Tensor Norm::apply(const Weights& weights, const Tensor& x) const {
  if (x.dim() != 2 || x.size(1) != channels_) fail("norm: expected x [rows, ", channels_, "], got ", x.sizes());
  if (kind_ == NormKind::plain_layer) return at::layer_norm(x, {channels_}, {}, {}, eps_);
  return kind_ == NormKind::layer ? ops::layer_norm(x, weights["weight"], weights["bias"], eps_)
                                  : ops::rms_norm(x, weights["weight"], eps_);
}

Stream Norm::forward(const Weights& weights, const Stream& x, Pass&) const {
  return x.with(apply(weights, x.x()));
}

std::optional<ops::NormInFront> Norm::in_front(const Weights& weights) const {
  if (kind_ == NormKind::plain_layer) return std::nullopt;
  const bool layer = kind_ == NormKind::layer;
  return ops::NormInFront{layer, weights["weight"], layer ? weights["bias"] : Tensor(), eps_};
}

PreNorm::PreNorm(NormKind kind, int64_t channels, double eps, BlockPtr inner)
    : norm_(kind, channels, eps), inner_(std::move(inner)), takes_norm_(dynamic_cast<const TakesNorm*>(inner_.get())) {
  if (inner_->spec().kind != BlockSpec::Kind::adds)
    fail("pre-norm: the inner block '", inner_->spec().name, "' must be one that adds");
}

BlockSpec PreNorm::spec() const {
  return inner_->spec();
}

std::vector<ParamInfo> PreNorm::params() const {
  auto result = prefixed("norm", norm_.params());
  append(result, inner_->params());
  return result;
}

Tensor PreNorm::in_one(const Weights& weights, const Stream& x, const Pass& pass, bool add_input) const {
  if (takes_norm_ == nullptr) return {};
  const auto norm = norm_.in_front(weights.child("norm"));
  return norm ? takes_norm_->behind_norm(*norm, weights, x, pass, add_input) : Tensor();
}

Stream PreNorm::advance(const Weights& weights, const Stream& x, Pass& pass) const {
  if (Tensor sum = in_one(weights, x, pass, true); sum.defined()) return x.with(std::move(sum));
  return Block::advance(weights, x, pass);
}

Stream PreNorm::forward(const Weights& weights, const Stream& x, Pass& pass) const {
  if (Tensor delta = in_one(weights, x, pass, false); delta.defined()) return x.delta(std::move(delta));
  return inner_->forward(weights, x.with(norm_.apply(weights.child("norm"), x.x())), pass);
}

PostNorm::PostNorm(NormKind kind, int64_t channels, double eps, BlockPtr inner)
    : norm_(kind, channels, eps), inner_(std::move(inner)) {
  if (inner_->spec().kind != BlockSpec::Kind::adds)
    fail("post-norm: the inner block '", inner_->spec().name, "' must be one that adds");
}

BlockSpec PostNorm::spec() const {
  auto result = inner_->spec();
  result.kind = BlockSpec::Kind::replaces;
  return result;
}

std::vector<ParamInfo> PostNorm::params() const {
  auto result = prefixed("norm", norm_.params());
  append(result, inner_->params());
  return result;
}

Stream PostNorm::forward(const Weights& weights, const Stream& x, Pass& pass) const {
  const Stream sum = add(x, inner_->forward(weights, x, pass));
  return sum.with(norm_.apply(weights.child("norm"), sum.x()));
}

}  // namespace strata
