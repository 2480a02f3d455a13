#pragma once

#include "strata/kernels/attention.h"
#include "strata/kernels/small_gemm_simd.h"

// Scores are kept transposed, [keys, queries]: the lanes of a vector are queries. So the softmax of a query runs down
// its lane without a horizontal reduction, any number of keys fits without masks, and only q and dout need a transposed
// copy; k, v and the gradients are read and written where they are.

namespace strata::simd::STRATA_SIMD {

inline constexpr int64_t kQueryLanes = 3 * kWidth;  // one block of scores stays in the first cache level
inline constexpr int64_t kKeyBlock = 256;           // sequences up to this need no online softmax
inline constexpr int64_t kInPlaceTime = 64;         // longer ones are packed, since their rows fall on few cache sets

STRATA_INLINE float softmax_scale(const AttentionShape& shape) {
  return shape.scale > 0 ? shape.scale : 1.0F / __builtin_sqrtf(static_cast<float>(shape.head_dim));
}
STRATA_INLINE bool works_in_place(int64_t time, int64_t head_dim) {
  return head_dim % kWidth == 0 && time <= kInPlaceTime;
}

// Queries of the next block: as many as there are lanes, but none of one vector behind a whole block, since the products
// of one vector load twice as much for each multiply-add.
STRATA_INLINE int64_t block_of_queries(int64_t left) {
  return left > kQueryLanes && left <= kQueryLanes + kWidth ? 2 * kWidth : smaller(kQueryLanes, left);
}

/// Hands out pieces of the caller's scratch, each 64-byte aligned; with no memory it only counts.
struct Scratch {
  float* memory;
  int64_t used = 0;
  float* take(int64_t count) {
    float* taken = memory ? memory + used : nullptr;
    used += (count + 15) / 16 * 16;
    return taken;
  }
};

/// `time` rows of one head, `stride` floats apart: the tensor itself or a packed copy.
struct HeadRows {
  const float* data;
  int64_t stride;
  const float* row(int64_t r) const { return data + r * stride; }
  Strided at(int64_t r) const { return {row(r), stride, 1}; }
};
STRATA_INLINE HeadRows head_rows(const float* data, int64_t stride, int64_t time, int64_t dim, float* copy) {
  if (!copy) return {data, stride};
  pack_rows(data, stride, time, dim, copy);
  return {copy, round_up(dim)};
}

/// Asks for the rows of the next piece, a line of the cache at a time between other work: the rows of one head lie too
/// far apart for the processor to guess, and all of them at once would wait for each other.
struct Ahead {
  const AttentionPiece& piece;
  int64_t dim;
  const float* rows[5] = {};  // the next one of each tensor
  int64_t strides[5] = {};
  int64_t tensors = 0, row = 0, tensor = 0, column = 0;

  void add(const float* data, int64_t stride) {
    rows[tensors] = data + piece.first * stride + piece.head * dim;
    strides[tensors++] = stride;
  }
  STRATA_INLINE void step() {
    if (row == piece.time) return;
    __builtin_prefetch(rows[tensor] + column, 0, 2);
    column += 16;
    if (column < dim) return;
    column = 0;
    rows[tensor] += strides[tensor];
    if (++tensor < tensors) return;
    tensor = 0;
    ++row;
  }
};

struct ForwardScratch {
  float *k, *v, *o, *qt, *s, *tops, *sums, *shrink;
  int64_t used;
  ForwardScratch(float* memory, int64_t time, int64_t dim) {
    Scratch scratch{memory};
    const int64_t wide = round_up(dim);
    const int64_t copied = works_in_place(time, dim) ? 0 : time * wide;
    k = scratch.take(copied);
    v = scratch.take(copied);
    o = scratch.take(copied ? kQueryLanes * wide : 0);
    if (!copied) k = v = o = nullptr;
    qt = scratch.take(dim * kQueryLanes);
    s = scratch.take(smaller(time, kKeyBlock) * kQueryLanes);
    tops = scratch.take(kQueryLanes);
    sums = scratch.take(kQueryLanes);
    shrink = scratch.take(kQueryLanes);
    used = scratch.used;
  }
};
inline int64_t forward_scratch(int64_t time, int64_t head_dim) {
  // Short sequences may need no copies where longer ones do: the larger of both.
  const int64_t packed = ForwardScratch(nullptr, time, head_dim).used;
  const int64_t in_place = ForwardScratch(nullptr, smaller(time, kInPlaceTime), head_dim).used;
  return packed > in_place ? packed : in_place;
}

/// Scores of keys [from, from + keys) in s -> exp(scale s - top) with the running maxima and sums of an online softmax
/// (Milakov and Gimelshein 2018); lanes are queries [first, first + lanes). shrink gets what earlier sums and outputs
/// are multiplied by.
inline void softmax_columns(const ForwardScratch& to, int64_t lanes, int64_t keys, float scale, bool causal,
                            int64_t from, int64_t first, Ahead& ahead) {
  for (int64_t lane = 0; lane < lanes; lane += kWidth) {
    float* s = to.s + lane;
    V top = set(-__builtin_inff());
    for (int64_t j = 0; j < keys; ++j) {
      V x = load(s + j * kQueryLanes);
      if (causal && from + j > first + lane) {
        const int64_t hidden = smaller(from + j - first - lane, kWidth);  // queries before the key
        x = select_first(hidden, set(-__builtin_inff()), x);
        store(s + j * kQueryLanes, x);
      }
      top = max(x, top);
    }
    top = top * set(scale);
    V sums = zero();
    if (from > 0) {
      const V before = load(to.tops + lane);
      top = max(before, top);
      const V shrink = exp_of_negative(before - top);
      store(to.shrink + lane, shrink);
      sums = load(to.sums + lane) * shrink;
    }
    store(to.tops + lane, top);
    for (int64_t j = 0; j < keys; ++j) {
      const V x = load(s + j * kQueryLanes);
      V e = exp_of_negative(fma(x, set(scale), zero() - top));
      if (causal && from + j > first + lane) e = select_first(smaller(from + j - first - lane, kWidth), zero(), e);
      store(s + j * kQueryLanes, e);
      sums = sums + e;
      ahead.step();
    }
    store(to.sums + lane, sums);
  }
}

inline void attention_forward(const AttentionForward& a, const AttentionPiece& piece, const AttentionPiece& next,
                              int64_t begin, int64_t end, float* memory) {
  const int64_t heads = a.shape.heads;
  const int64_t dim = a.shape.head_dim;
  const int64_t wide = round_up(dim);
  const int64_t row = 3 * heads * dim;
  const int64_t out_row = heads * dim;
  const float scale = softmax_scale(a.shape);
  const float* q = a.qkv + piece.first * row + piece.head * dim;
  Ahead ahead{next, dim};
  for (int64_t part = 0; part < 3; ++part) ahead.add(a.qkv + part * out_row, row);
  const ForwardScratch scratch(memory, piece.time, dim);
  const int64_t visible = a.shape.causal ? end : piece.time;  // no query looks further
  const HeadRows k = head_rows(q + heads * dim, row, visible, dim, scratch.k);
  const HeadRows v = head_rows(q + 2 * heads * dim, row, visible, dim, scratch.v);

  for (int64_t first = begin, queries = 0; first < end; first += queries) {
    queries = block_of_queries(end - first);
    const int64_t lanes = round_up(queries);
    const int64_t reach = a.shape.causal ? first + queries : piece.time;
    float* out = a.out + (piece.first + first) * out_row + piece.head * dim;
    float* o = scratch.o ? scratch.o : out;
    const int64_t o_row = scratch.o ? wide : out_row;
    pack_transposed(q + first * row, row, queries, dim, scratch.qt, kQueryLanes);
    for (int64_t from = 0; from < reach; from += kKeyBlock) {
      const int64_t keys = smaller(kKeyBlock, reach - from);
      small_gemm<false>(k.at(from), scratch.qt, kQueryLanes, scratch.s, kQueryLanes, keys, lanes, dim);
      softmax_columns(scratch, lanes, keys, scale, a.shape.causal, from, first, ahead);
      const Strided p{scratch.s, 1, kQueryLanes};
      if (from == 0) {
        small_gemm<false>(p, v.row(0), v.stride, o, o_row, queries, wide, keys);
        continue;
      }
      for (int64_t i = 0; i < queries; ++i)
        for (int64_t c = 0; c < wide; c += kWidth)
          store(o + i * o_row + c, load(o + i * o_row + c) * set(scratch.shrink[i]));
      small_gemm<true>(p, v.row(from), v.stride, o, o_row, queries, wide, keys);
    }
    for (int64_t lane = 0; lane < lanes; lane += kWidth) {
      const V sums = load(scratch.sums + lane);
      store(scratch.tops + lane, load(scratch.tops + lane) + log(sums));
      store(scratch.sums + lane, set(1.0F) / sums);
    }
    for (int64_t i = 0; i < queries; ++i) {
      const V inverse = set(scratch.sums[i]);
      for_vectors(dim, [&](int64_t c, int64_t n, auto whole) {
        store(out + i * out_row + c, load(o + i * o_row + c) * inverse, n, whole);
      });
      if (a.lse) a.lse[(piece.first + first + i) * heads + piece.head] = scratch.tops[i];
    }
  }
}

struct BackwardScratch {
  float *q, *k, *v, *dout, *dq, *dk, *dv, *qt, *doutt, *p, *ds, *lse, *dots;
  int64_t used;
  BackwardScratch(float* memory, int64_t time, int64_t dim) {
    Scratch scratch{memory};
    const bool copies = !works_in_place(time, dim);
    for (float** copy : {&q, &k, &v, &dout, &dq, &dk, &dv})
      *copy = copies ? scratch.take(time * round_up(dim)) : nullptr;
    qt = scratch.take(dim * kQueryLanes);
    doutt = scratch.take(dim * kQueryLanes);
    p = scratch.take(smaller(time, kKeyBlock) * kQueryLanes);
    ds = scratch.take(smaller(time, kKeyBlock) * kQueryLanes);
    lse = scratch.take(kQueryLanes);
    dots = scratch.take(kQueryLanes);
    used = scratch.used;
  }
};
inline int64_t backward_scratch(int64_t time, int64_t head_dim) {
  const int64_t packed = BackwardScratch(nullptr, time, head_dim).used;
  const int64_t in_place = BackwardScratch(nullptr, smaller(time, kInPlaceTime), head_dim).used;
  return packed > in_place ? packed : in_place;
}

template <class... Arguments>
STRATA_INLINE void small_gemm(bool accumulate, Arguments... arguments) {
  accumulate ? small_gemm<true>(arguments...) : small_gemm<false>(arguments...);
}

inline void attention_backward(const AttentionBackward& a, const AttentionPiece& piece, const AttentionPiece& next,
                               float* memory) {
  const int64_t time = piece.time;
  const int64_t heads = a.shape.heads;
  const int64_t dim = a.shape.head_dim;
  const int64_t wide = round_up(dim);
  const int64_t row = 3 * heads * dim;
  const int64_t out_row = heads * dim;
  const float scale = softmax_scale(a.shape);
  const float* q_in = a.qkv + piece.first * row + piece.head * dim;
  const float* out = a.out + piece.first * out_row + piece.head * dim;
  const float* dout_in = a.dout + piece.first * out_row + piece.head * dim;
  float* dq_out = a.dqkv + piece.first * row + piece.head * dim;
  float* dk_out = dq_out + heads * dim;
  float* dv_out = dk_out + heads * dim;
  Ahead ahead{next, dim};
  for (int64_t part = 0; part < 3; ++part) ahead.add(a.qkv + part * out_row, row);
  ahead.add(a.out, out_row);
  ahead.add(a.dout, out_row);
  const BackwardScratch scratch(memory, time, dim);
  const bool copies = scratch.q != nullptr;
  const HeadRows q = head_rows(q_in, row, time, dim, scratch.q);
  const HeadRows k = head_rows(q_in + heads * dim, row, time, dim, scratch.k);
  const HeadRows v = head_rows(q_in + 2 * heads * dim, row, time, dim, scratch.v);
  const HeadRows dout = head_rows(dout_in, out_row, time, dim, scratch.dout);
  // Gradients of queries that see one block of keys are written once, so where they belong.
  const bool dq_copied = copies && (time > kKeyBlock || dim % kWidth != 0);
  float* dq = dq_copied ? scratch.dq : dq_out;
  const int64_t dq_row = dq_copied ? wide : row;
  float* dk = copies ? scratch.dk : dk_out;
  float* dv = copies ? scratch.dv : dv_out;
  const int64_t d_row = copies ? wide : row;

  for (int64_t first = 0, queries = 0; first < time; first += queries) {
    queries = block_of_queries(time - first);
    const int64_t lanes = round_up(queries);
    const int64_t reach = a.shape.causal ? first + queries : time;
    pack_transposed(q.row(first), q.stride, queries, dim, scratch.qt, kQueryLanes);
    pack_transposed(dout.row(first), dout.stride, queries, dim, scratch.doutt, kQueryLanes);
    for (int64_t i = 0; i < lanes; ++i) {
      V dot = zero();
      if (i < queries)
        for_vectors(dim, [&](int64_t c, int64_t n, auto whole) {
          dot = fma(load(out + (first + i) * out_row + c, n, whole), load(dout.row(first + i) + c, n, whole), dot);
        });
      scratch.dots[i] = sum(dot);
      scratch.lse[i] = i < queries ? a.lse[(piece.first + first + i) * heads + piece.head] : 0.0F;
    }
    for (int64_t from = 0; from < reach; from += kKeyBlock) {
      const int64_t keys = smaller(kKeyBlock, reach - from);
      small_gemm<false>(k.at(from), scratch.qt, kQueryLanes, scratch.p, kQueryLanes, keys, lanes, dim);
      small_gemm<false>(v.at(from), scratch.doutt, kQueryLanes, scratch.ds, kQueryLanes, keys, lanes, dim);
      for (int64_t lane = 0; lane < lanes; lane += kWidth) {
        const V lse = load(scratch.lse + lane);
        const V dots = load(scratch.dots + lane);
        float* p = scratch.p + lane;
        float* ds = scratch.ds + lane;
        for (int64_t j = 0; j < keys; ++j, p += kQueryLanes, ds += kQueryLanes) {
          V e = exp_of_negative(fma(load(p), set(scale), zero() - lse));
          V d = (load(ds) - dots) * e * set(scale);
          if (a.shape.causal && from + j > first + lane) {
            const int64_t hidden = smaller(from + j - first - lane, kWidth);
            e = select_first(hidden, zero(), e);
            d = select_first(hidden, zero(), d);
          }
          store(p, e);
          store(ds, d);
          ahead.step();
          ahead.step();
        }
      }
      // Causal: the keys of this block of queries itself are new, those before it have gradients already.
      const int64_t seen = first == 0 ? 0 : (a.shape.causal ? smaller(keys, first > from ? first - from : 0) : keys);
      for (const int64_t half : {int64_t{0}, int64_t{1}}) {
        const int64_t at = half ? seen : 0;
        const int64_t count = half ? keys - seen : seen;
        if (count == 0) continue;
        const int64_t key = from + at;
        const Strided p{scratch.p + at * kQueryLanes, kQueryLanes, 1};
        const Strided ds{scratch.ds + at * kQueryLanes, kQueryLanes, 1};
        small_gemm(half == 0, p, dout.row(first), dout.stride, dv + key * d_row, d_row, count, wide, queries);
        small_gemm(half == 0, ds, q.row(first), q.stride, dk + key * d_row, d_row, count, wide, queries);
      }
      small_gemm(from > 0, Strided{scratch.ds, 1, kQueryLanes}, k.row(from), k.stride, dq + first * dq_row, dq_row,
                 queries, wide, keys);
    }
  }
  if (!copies) return;
  if (dq_copied) unpack_rows(dq, dq_out, row, time, dim);
  unpack_rows(dk, dk_out, row, time, dim);
  unpack_rows(dv, dv_out, row, time, dim);
}

}  // namespace strata::simd::STRATA_SIMD
