#pragma once

#include "strata/blocks/norms.h"
#include "strata/ops/activation.h"

namespace strata {

struct MlpConfig {
  int64_t channels = 256;
  int64_t hidden = 1024;
  std::string activation = "gelu";  // of ops::activation_of; swiglu: gated silu
  bool gated = false;
  bool bias = true;
  double init_std = 0.02;
};

template <class Visit>
void fields(MlpConfig& config, Visit&& visit) {
  visit("channels", config.channels);
  visit("hidden", config.hidden);
  visit("activation", config.activation);
  visit("gated", config.gated);
  visit("bias", config.bias);
  visit("init_std", config.init_std);
}

/// Two-layer feed-forward net on every row: down(act(up(x))) or, gated, down(act(gate(x)) * up(x)) (Shazeer 2020).
///   x [rows, channels] -> [rows, channels], to be added. Weights: up.* [hidden, channels] (gated: [2 hidden,
///   channels] = [gate | up]), down.* [channels, hidden]. A route can keep some neurons.
class Mlp final : public Block, public TakesNorm {
 public:
  explicit Mlp(const MlpConfig& config);

  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;
  Tensor behind_norm(const ops::NormInFront& norm, const Weights& weights, const Stream& x, const Pass& pass,
                     bool add_input) const override;

 private:
  MlpConfig config_;
  ops::Activation activation_;
  bool gated_;
};

}  // namespace strata
