#pragma once

#include <cstdint>

#include "strata/kernels/isa.h"

namespace strata {

/// Softmax self-attention over packed rows (Vaswani et al. 2017, sec. 3.2), row = [q heads | k heads | v heads]:
///   out_i = sum_j p_ij v_j,  p_ij = exp(scale q_i . k_j - lse_i),  lse_i = log sum_j exp(scale q_i . k_j)
/// per sequence and head, j over the sequence's rows (j <= i when causal). Rows of sequences follow each other.
/// A NaN in a row of q spoils that row of one head; in k or v it may spoil every row of that sequence and head, and no
/// other.
struct AttentionShape {
  int64_t sequences = 0;
  int64_t length = 0;  // rows per sequence, when offsets is null
  const int64_t* offsets =
      nullptr;  // [sequences + 1] first row of each sequence and the end, or null; may hold empty sequences
  int64_t heads = 0, head_dim = 0;
  bool causal = false;
  float scale = 0;  // 0: 1 / sqrt(head_dim)
};
struct AttentionForward {
  AttentionShape shape;
  const float* qkv = nullptr;  // [rows, 3 * heads * head_dim]
  float* out = nullptr;        // [rows, heads * head_dim]
  float* lse = nullptr;        // [rows, heads] or null: what backward needs
};
/// Gradient of AttentionForward; the probabilities are computed again from qkv and lse (Dao et al. 2022, algorithm 4).
/// With D_i = sum_j p_ij dp_ij and dp_ij = dout_i . v_j:  dv_j = sum_i p_ij dout_i,  ds_ij = p_ij (dp_ij - D_i), dq_i =
/// scale sum_j ds_ij k_j,  dk_j = scale sum_i ds_ij q_i.  Bit-identical for any thread count.
struct AttentionBackward {
  AttentionShape shape;
  const float* qkv = nullptr;   // [rows, 3 * heads * head_dim]
  const float* out = nullptr;   // [rows, heads * head_dim], what forward wrote
  const float* lse = nullptr;   // [rows, heads], what forward wrote
  const float* dout = nullptr;  // [rows, heads * head_dim]
  float* dqkv = nullptr;        // [rows, 3 * heads * head_dim]
};
void attention_forward(const AttentionForward& args);
void attention_backward(const AttentionBackward& args);

/// What a level works on: one head of one sequence, `time` > 0 rows that start at `first`. `next` is the piece this
/// thread works on afterwards (or again the same), which is fetched into the cache meanwhile.
struct AttentionPiece {
  int64_t first, time, head;
};
struct AttentionLevel {
  Isa isa;
  /// Rows [begin, end) of the piece's queries; scratch holds forward_scratch floats, 64-byte aligned.
  void (*forward)(const AttentionForward& args, const AttentionPiece& piece, const AttentionPiece& next, int64_t begin,
                  int64_t end, float* scratch);
  void (*backward)(const AttentionBackward& args, const AttentionPiece& piece, const AttentionPiece& next,
                   float* scratch);
  int64_t (*forward_scratch)(int64_t time, int64_t head_dim);
  int64_t (*backward_scratch)(int64_t time, int64_t head_dim);
};
extern const AttentionLevel kAttentionReference, kAttentionAvx2, kAttentionAvx512;

}  // namespace strata
