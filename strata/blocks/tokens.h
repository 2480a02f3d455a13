#pragma once

#include "strata/blocks/block.h"

namespace strata {

struct TokenConfig {
  int64_t vocab = 256;
  int64_t channels = 256;
  int64_t width = 0;            // of the table of tokens; 0: channels. Another width is projected to channels
  bool tied = true;             // the head reads the embedding's table
  int64_t positions = 0;        // rows of the table of learned positions; 0: none
  int64_t position_offset = 0;  // row of the first position
  double init_std = 0.02;
};

/// A table row for each token, and learned positions where there are any (Radford et al. 2019).
///   tokens [rows] int64 -> x [rows, channels]. Weights: tokens.weight [vocab, width] (shared with the head when tied),
///   projection.weight [channels, width] where they differ, positions.weight [positions, channels].
/// Throws for tokens outside the table and for sequences longer than it has positions.
class TokenEmbedding final : public Block {
 public:
  explicit TokenEmbedding(const TokenConfig& config);
  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;

 private:
  TokenConfig config_;
};

/// Tokens as the stream a token embedding reads.
Stream token_stream(Tensor tokens, RowsPtr rows);

/// Scores of all tokens for each row: x [rows, channels] -> logits [rows, vocab].
/// Weights: weight [vocab, width], or the embedding's table when tied; projection.weight [width, channels] where they
/// differ.
class TokenHead final : public Block {
 public:
  explicit TokenHead(const TokenConfig& config) : config_(config) {}
  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;
  /// What is left when the loss does the last product itself (ops/linear_cross_entropy.h): x [rows, width] and the table
  /// [vocab, width].
  std::pair<Tensor, Tensor> before_product(const Weights& weights, const Tensor& x) const;

 private:
  TokenConfig config_;
};

}  // namespace strata
