#pragma once

#include "strata/kernels/attention.h"
#include "strata/kernels/small_gemm_simd.h"

namespace strata::simd::STRATA_SIMD {

// A block of scores stays in the second cache level; sequences up to one key block need no online softmax.
inline constexpr int64_t kQueryBlock = 32;
inline constexpr int64_t kForwardKeys = 256;
inline constexpr int64_t kBackwardKeys = 128;

STRATA_INLINE int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}
STRATA_INLINE float softmax_scale(const AttentionShape& shape) {
  return shape.scale > 0 ? shape.scale : 1.0F / __builtin_sqrtf(static_cast<float>(shape.head_dim));
}

/// Hands out pieces of the caller's scratch, each 64-byte aligned.
struct Scratch {
  float* next;
  static constexpr int64_t padded(int64_t count) { return (count + 15) / 16 * 16; }
  float* take(int64_t count) {
    float* taken = next;
    next += padded(count);
    return taken;
  }
};

/// Keys per block, and all keys padded to whole blocks.
STRATA_INLINE int64_t key_block(int64_t keys, int64_t most) {
  return smaller(round_up(keys), most);
}
STRATA_INLINE int64_t whole_blocks(int64_t keys, int64_t block) {
  return (keys + block - 1) / block * block;
}

inline int64_t forward_scratch(int64_t time, int64_t head_dim) {
  const int64_t wide = round_up(head_dim);
  // A causal piece may see fewer keys than time and so have smaller blocks: never more than this.
  return (time + kForwardKeys) * (head_dim + wide) + kQueryBlock * (kForwardKeys + wide + 2) + 256;
}

/// One row of scores -> exp(scale s - top), zero from `valid` to `width`; returns the sum.
STRATA_INLINE float exponentials(float* s, int64_t valid, int64_t width, float scale, float top) {
  V total = zero();
  for_vectors(valid, [&](int64_t c, int64_t n, auto whole) {
    V e = exp_of_negative(fma(load(s + c), set(scale), set(-top)));
    if constexpr (!decltype(whole)::value) e = select_first(n, e, zero());
    store(s + c, e);
    total = total + e;
  });
  for (int64_t c = round_up(valid); c < width; c += kWidth) store(s + c, zero());
  return sum(total);
}

STRATA_INLINE float row_maximum(const float* s, int64_t valid) {
  V top = set(-__builtin_inff());
  for_vectors(valid, [&](int64_t c, int64_t n, auto whole) {
    V x = load(s + c);
    if constexpr (!decltype(whole)::value) x = select_first(n, x, set(-__builtin_inff()));
    top = max(x, top);
  });
  return largest(top);
}

inline void attention_forward(const AttentionForward& a, const AttentionPiece& piece, int64_t begin, int64_t end,
                              float* memory) {
  const int64_t heads = a.shape.heads;
  const int64_t dim = a.shape.head_dim;
  const int64_t wide = round_up(dim);
  const int64_t row = 3 * heads * dim;
  const float scale = softmax_scale(a.shape);
  const int64_t keys = a.shape.causal ? end : piece.time;  // no row looks further
  const float* q = a.qkv + piece.first * row + piece.head * dim;
  const float* k = q + heads * dim;
  const float* v = k + heads * dim;

  Scratch scratch{memory};
  const int64_t block = key_block(keys, kForwardKeys);
  float* kt = scratch.take(whole_blocks(keys, block) * dim);  // blocks of [dim, block]
  float* vp = scratch.take(keys * wide);                      // [keys, wide]
  float* s = scratch.take(kQueryBlock * block);
  float* o = scratch.take(kQueryBlock * wide);
  float* tops = scratch.take(kQueryBlock);
  float* sums = scratch.take(kQueryBlock);
  for (int64_t from = 0; from < keys; from += block)
    pack_transposed(k + from * row, row, smaller(block, keys - from), dim, kt + from * dim, block);
  pack_rows(v, row, keys, dim, vp);

  for (int64_t first = begin; first < end; first += kQueryBlock) {
    const int64_t queries = smaller(kQueryBlock, end - first);
    const int64_t reach = a.shape.causal ? first + queries : keys;
    for (int64_t from = 0; from < reach; from += block) {
      const int64_t here = smaller(block, reach - from);
      small_gemm<false>({q + first * row, row, 1}, kt + from * dim, block, s, block, queries, round_up(here), dim);
      for (int64_t i = 0; i < queries; ++i) {
        const int64_t visible = a.shape.causal ? smaller(here, first + i + 1 - from) : here;
        float* scores = s + i * block;
        if (visible <= 0) {  // only later blocks of a causal row
          for (int64_t c = 0; c < here; c += kWidth) store(scores + c, zero());
          continue;
        }
        const float top = row_maximum(scores, visible) * scale;
        if (from == 0) {
          tops[i] = top;
          sums[i] = exponentials(scores, visible, here, scale, top);
          continue;
        }
        const float new_top = top > tops[i] ? top : tops[i];
        const float shrink = __builtin_expf(tops[i] - new_top);
        sums[i] = sums[i] * shrink + exponentials(scores, visible, here, scale, new_top);
        tops[i] = new_top;
        for (int64_t c = 0; c < wide; c += kWidth) store(o + i * wide + c, load(o + i * wide + c) * set(shrink));
      }
      if (from == 0)
        small_gemm<false>({s, block, 1}, vp, wide, o, wide, queries, wide, here);
      else
        small_gemm<true>({s, block, 1}, vp + from * wide, wide, o, wide, queries, wide, here);
    }
    for (int64_t i = 0; i < queries; ++i) {
      const int64_t at = piece.first + first + i;
      const V inverse = set(1.0F / sums[i]);
      float* out = a.out + (at * heads + piece.head) * dim;
      for_vectors(
          dim, [&](int64_t c, int64_t n, auto whole) { store(out + c, load(o + i * wide + c) * inverse, n, whole); });
      if (a.lse) a.lse[at * heads + piece.head] = tops[i] + __builtin_logf(sums[i]);
    }
  }
}

inline int64_t backward_scratch(int64_t time, int64_t head_dim) {
  const int64_t wide = round_up(head_dim);
  const int64_t keys = key_block(time, kBackwardKeys);
  return time * (3 * wide + 2) + keys * (2 * head_dim + 3 * wide) + 2 * kQueryBlock * keys + 256;
}

inline void attention_backward(const AttentionBackward& a, const AttentionPiece& piece, float* memory) {
  const int64_t time = piece.time;
  const int64_t heads = a.shape.heads;
  const int64_t dim = a.shape.head_dim;
  const int64_t wide = round_up(dim);
  const int64_t row = 3 * heads * dim;
  const int64_t out_row = heads * dim;
  const float scale = softmax_scale(a.shape);
  const float* q = a.qkv + piece.first * row + piece.head * dim;
  const float* k = q + heads * dim;
  const float* v = k + heads * dim;
  const float* out = a.out + piece.first * out_row + piece.head * dim;
  const float* dout = a.dout + piece.first * out_row + piece.head * dim;
  float* dq_out = a.dqkv + piece.first * row + piece.head * dim;

  Scratch scratch{memory};
  const int64_t block = key_block(time, kBackwardKeys);
  float* qp = scratch.take(time * wide);
  float* dop = scratch.take(time * wide);
  float* dq = scratch.take(time * wide);
  float* lse = scratch.take(time);
  float* dots = scratch.take(time);  // D_i = dout_i . out_i
  float* kt = scratch.take(dim * block);
  float* vt = scratch.take(dim * block);
  float* kp = scratch.take(block * wide);
  float* dk = scratch.take(block * wide);
  float* dv = scratch.take(block * wide);
  float* p = scratch.take(kQueryBlock * block);
  float* ds = scratch.take(kQueryBlock * block);
  pack_rows(q, row, time, dim, qp);
  pack_rows(dout, out_row, time, dim, dop);
  for (int64_t i = 0; i < time; ++i) {
    V dot = zero();
    for_vectors(dim, [&](int64_t c, int64_t n, auto whole) {
      dot = fma(load(out + i * out_row + c, n, whole), load(dop + i * wide + c), dot);
    });
    dots[i] = sum(dot);
    lse[i] = a.lse[(piece.first + i) * heads + piece.head];
  }

  for (int64_t from = 0; from < time; from += block) {
    const int64_t here = smaller(block, time - from);
    pack_transposed(k + from * row, row, here, dim, kt, block);
    pack_transposed(v + from * row, row, here, dim, vt, block);
    pack_rows(k + from * row, row, here, dim, kp);
    for (int64_t i = 0; i < here * wide; i += kWidth) {
      store(dk + i, zero());
      store(dv + i, zero());
    }
    const int64_t start =
        a.shape.causal ? from / kQueryBlock * kQueryBlock : 0;  // earlier queries do not see these keys
    for (int64_t first = start; first < time; first += kQueryBlock) {
      const int64_t queries = smaller(kQueryBlock, time - first);
      small_gemm<false>({qp + first * wide, wide, 1}, kt, block, p, block, queries, round_up(here), dim);
      small_gemm<false>({dop + first * wide, wide, 1}, vt, block, ds, block, queries, round_up(here), dim);
      for (int64_t i = 0; i < queries; ++i) {
        int64_t visible = a.shape.causal ? smaller(here, first + i + 1 - from) : here;
        if (visible < 0) visible = 0;
        float* p_row = p + i * block;
        float* ds_row = ds + i * block;
        const V offset = set(-lse[first + i]);
        const V dot = set(dots[first + i]);
        for_vectors(visible, [&](int64_t c, int64_t n, auto whole) {
          V e = exp_of_negative(fma(load(p_row + c), set(scale), offset));
          if constexpr (!decltype(whole)::value) e = select_first(n, e, zero());
          store(p_row + c, e);
          store(ds_row + c, (load(ds_row + c) - dot) * e * set(scale));
        });
        for (int64_t c = round_up(visible); c < here; c += kWidth) {
          store(p_row + c, zero());
          store(ds_row + c, zero());
        }
      }
      small_gemm<true>({p, 1, block}, dop + first * wide, wide, dv, wide, here, wide, queries);
      small_gemm<true>({ds, 1, block}, qp + first * wide, wide, dk, wide, here, wide, queries);
      if (from == 0)
        small_gemm<false>({ds, block, 1}, kp, wide, dq + first * wide, wide, queries, wide, here);
      else
        small_gemm<true>({ds, block, 1}, kp, wide, dq + first * wide, wide, queries, wide, here);
    }
    unpack_rows(dk, dq_out + heads * dim + from * row, row, here, dim);
    unpack_rows(dv, dq_out + 2 * heads * dim + from * row, row, here, dim);
  }
  unpack_rows(dq, dq_out, row, time, dim);
}

}  // namespace strata::simd::STRATA_SIMD
