#pragma once

#include "strata/blocks/norms.h"

namespace strata {

struct MlpConfig {
  int64_t channels = 256;
  int64_t hidden = 1024;
  std::string activation = "gelu";  // gelu | swiglu
  bool bias = true;
  double init_std = 0.02;
};

template <class Visit>
void fields(MlpConfig& config, Visit&& visit) {
  visit("channels", config.channels);
  visit("hidden", config.hidden);
  visit("activation", config.activation);
  visit("bias", config.bias);
  visit("init_std", config.init_std);
}

/// Two-layer feed-forward net on every row: down(gelu(up(x))) or, gated, down(silu(gate(x)) * up(x)) (Shazeer 2020).
///   x [rows, channels] -> [rows, channels], to be added. Weights: up.* [hidden, channels] (swiglu: [2 hidden,
///   channels] = [gate | up]), down.* [channels, hidden] A route can keep some neurons.
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
  bool gated_;
};

}  // namespace strata
