#pragma once

#include "strata/blocks/block.h"
#include "strata/ops/pre_norm.h"

namespace strata {

enum class NormKind { layer, rms, plain_layer };
/// Of its name in configurations: layer, rms, plain_layer. Throws Error.
NormKind norm_kind(const std::string& name);

/// Layer norm (gain, bias), RMS norm (gain) or layer norm without either, over the channels of the first track;
/// replaces it.
class Norm final : public Block {
 public:
  Norm(NormKind kind, int64_t channels, double eps) : kind_(kind), channels_(channels), eps_(eps) {}

  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;
  /// x [rows, channels] -> the same shape.
  Tensor apply(const Weights& weights, const Tensor& x) const;
  /// The norm as an operator takes it that begins with one; nothing where none does.
  std::optional<ops::NormInFront> in_front(const Weights& weights) const;

 private:
  NormKind kind_;
  int64_t channels_;
  double eps_;
};

/// A block that can take the norm in front of it into one operator with its own work.
class TakesNorm {
 public:
  virtual ~TakesNorm() = default;
  /// The block's delta on norm(x), with x added where asked for; undefined where the separate operators have to run.
  virtual Tensor behind_norm(const ops::NormInFront& norm, const Weights& weights, const Stream& x, const Pass& pass,
                             bool add_input) const = 0;
};

/// inner(norm(x)), to be added to x (Xiong et al. 2020). Weights: norm.*, and the inner block's own.
class PreNorm final : public Block {
 public:
  PreNorm(NormKind kind, int64_t channels, double eps, BlockPtr inner);

  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  std::vector<Need> needs() const override { return inner_->needs(); }
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;
  Stream advance(const Weights& weights, const Stream& x, Pass& pass) const override;
  std::unique_ptr<CacheEntry> make_cache(const Weights& weights, int64_t sequences) const override {
    return inner_->make_cache(weights, sequences);
  }

 private:
  Tensor in_one(const Weights& weights, const Stream& x, const Pass& pass, bool add_input) const;

  Norm norm_;
  BlockPtr inner_;
  const TakesNorm* takes_norm_;  // inner_, where it can
};

/// norm(x + inner(x)), which replaces x (Vaswani et al. 2017).
class PostNorm final : public Block {
 public:
  PostNorm(NormKind kind, int64_t channels, double eps, BlockPtr inner);

  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  std::vector<Need> needs() const override { return inner_->needs(); }
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;
  std::unique_ptr<CacheEntry> make_cache(const Weights& weights, int64_t sequences) const override {
    return inner_->make_cache(weights, sequences);
  }

 private:
  Norm norm_;
  BlockPtr inner_;
};

}  // namespace strata
