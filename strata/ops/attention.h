#pragma once

#include <optional>

#include "strata/ops/rows.h"

namespace strata::ops {

/// Softmax attention within each sequence (Vaswani et al. 2017, sec. 3.2.1), scaled by 1/sqrt(head_dim).
///   q [query rows, heads * head_dim]; k, v [key rows, heads * head_dim]; sequence s of the queries sees sequence s of
///   the keys
///   causal    query i of a sequence sees keys 0 .. i + (keys - queries): with a cache, the queries are the last rows
///   scores    when asked for: per sequence [heads, queries, keys] softmax weights, concatenated flat
///   window    0 for all, else, causal only, the last `window` keys a query may see, its own included (Beltagy et al. 2020)
///   returns   [query rows, heads * head_dim]
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads,
                     const Rows& query_rows, const Rows& key_rows, bool causal, at::Tensor* scores = nullptr,
                     int64_t window = 0);

/// The same for tensors that carry their layout themselves: q [sequences, queries, heads * head_dim], k and v
/// [sequences, keys, heads * head_dim] -> like q. Throws Error when they do not fit.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads, bool causal,
                     int64_t window);

/// The same for one stream that attends to itself, from the packed projection: qkv [rows, 3 * heads * head_dim] = [q |
/// k | v].
at::Tensor self_attention(const at::Tensor& qkv, int64_t heads, const Rows& rows, bool causal);

/// The same for tensors that carry their layout themselves: qkv [sequences, length, 3 * heads * head_dim] without
/// offsets, or [rows, 3 * heads * head_dim] and offsets [sequences + 1] int64 on the CPU, the first row of each sequence
/// and the end. Returns qkv's shape with heads * head_dim at its end. Throws Error when they do not fit.
at::Tensor self_attention(const at::Tensor& qkv, int64_t heads, const std::optional<at::Tensor>& offsets, bool causal);

}  // namespace strata::ops
