#include "strata/blocks/norms.h"

#include "strata/base/error.h"
#include "strata/ops/norm.h"

namespace strata {

BlockSpec Norm::spec() const {
  const std::vector<TrackSpec> track{{"x", "", channels_}};
  return {.name = kind_ == NormKind::layer ? "layer_norm" : "rms_norm",
          .in = track,
          .out = track,
          .kind = BlockSpec::Kind::replaces};
}

std::vector<ParamInfo> Norm::params() const {
  std::vector<ParamInfo> result{{"weight", {channels_}, Init::ones(), false}};
  if (kind_ == NormKind::layer) result.push_back({"bias", {channels_}, Init::zeros(), false});
  return result;
}

Tensor Norm::apply(const Weights& weights, const Tensor& x) const {
  if (x.dim() != 2 || x.size(1) != channels_) fail("norm: expected x [rows, ", channels_, "], got ", x.sizes());
  return kind_ == NormKind::layer ? ops::layer_norm(x, weights["weight"], weights["bias"], eps_)
                                  : ops::rms_norm(x, weights["weight"], eps_);
}

Stream Norm::forward(const Weights& weights, const Stream& x, Pass&) const {
  return x.with(apply(weights, x.x()));
}

ops::NormInFront Norm::in_front(const Weights& weights) const {
  const bool layer = kind_ == NormKind::layer;
  return {layer, weights["weight"], layer ? weights["bias"] : Tensor(), eps_};
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
  return takes_norm_->behind_norm(norm_.in_front(weights.child("norm")), weights, x, pass, add_input);
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
