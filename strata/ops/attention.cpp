#include "strata/ops/attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <vector>

#include "strata/base/error.h"
#include "strata/kernels/attention.h"
#include "strata/ops/mode.h"

namespace strata::ops {
namespace {

// q, k, v [batch, heads, length, head_dim] -> [batch, heads, queries, head_dim]
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, at::Tensor* weights) {
  auto scores = at::matmul(q * (1.0 / std::sqrt(static_cast<double>(q.size(-1)))), k.transpose(-2, -1));
  if (causal) {
    const int64_t queries = q.size(-2), keys = k.size(-2);
    const auto hidden = at::ones({queries, keys}, q.options().dtype(at::kBool)).triu(keys - queries + 1);
    scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  }
  const auto probabilities = at::softmax(scores, -1);
  if (weights) *weights = probabilities;
  return at::matmul(probabilities, v);
}

at::Tensor split_heads(const at::Tensor& x, int64_t batch, int64_t length, int64_t heads) {
  return x.reshape({batch, length, heads, x.size(1) / heads}).transpose(1, 2);  // (b t) (h d) -> b h t d
}

AttentionShape shape_of(const at::Tensor& qkv, int64_t heads, int64_t sequences, int64_t length,
                        const at::Tensor& offsets, bool causal) {
  return {.sequences = sequences,
          .length = length,
          .offsets = offsets.defined() ? offsets.const_data_ptr<int64_t>() : nullptr,
          .heads = heads,
          .head_dim = qkv.size(1) / 3 / heads,
          .causal = causal};
}

struct FusedSelfAttention : torch::autograd::Function<FusedSelfAttention> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input, int64_t heads,
                            int64_t sequences, int64_t length, const std::optional<at::Tensor>& ragged, bool causal) {
    const at::Tensor offsets = ragged.value_or(at::Tensor());
    const at::Tensor qkv = input.contiguous();
    at::Tensor out = at::empty({qkv.size(0), qkv.size(1) / 3}, qkv.options()),
               lse = at::empty({qkv.size(0), heads}, qkv.options());
    attention_forward({.shape = shape_of(qkv, heads, sequences, length, offsets, causal),
                       .qkv = qkv.const_data_ptr<float>(),
                       .out = out.mutable_data_ptr<float>(),
                       .lse = lse.mutable_data_ptr<float>()});
    context->save_for_backward({qkv, out, lse, offsets});  // offsets may be undefined
    context->saved_data["heads"] = heads;
    context->saved_data["sequences"] = sequences;
    context->saved_data["length"] = length;
    context->saved_data["causal"] = causal;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &qkv = saved[0], dout = gradients[0].contiguous();
    at::Tensor dqkv = at::empty_like(qkv);
    attention_backward(
        {.shape = shape_of(qkv, context->saved_data["heads"].toInt(), context->saved_data["sequences"].toInt(),
                           context->saved_data["length"].toInt(), saved[3], context->saved_data["causal"].toBool()),
         .qkv = qkv.const_data_ptr<float>(),
         .out = saved[1].const_data_ptr<float>(),
         .lse = saved[2].const_data_ptr<float>(),
         .dout = dout.const_data_ptr<float>(),
         .dqkv = dqkv.mutable_data_ptr<float>()});
    torch::autograd::variable_list result(6);
    result[0] = dqkv;
    differentiable_once("self_attention", {qkv, gradients[0]}, result);
    return result;
  }
};

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads,
                     const Rows& query_rows, const Rows& key_rows, bool causal, at::Tensor* scores) {
  if (heads < 1 || q.dim() != 2 || q.size(0) != query_rows.count || k.size(0) != key_rows.count ||
      k.sizes() != v.sizes() || q.size(1) % heads != 0 || q.size(1) != k.size(1) ||
      query_rows.sequences != key_rows.sequences)
    fail("attention: expected q [", query_rows.count, ", heads * head_dim] and k, v [", key_rows.count, ", same] with ",
         heads, " heads, got q ", q.sizes(), ", k ", k.sizes(), ", v ", v.sizes(), " in ", query_rows.sequences,
         " and ", key_rows.sequences, " sequences");
  const int64_t sequences = query_rows.sequences;
  if (q.size(0) == 0) return at::zeros_like(q);
  if (!query_rows.ragged() && !key_rows.ragged()) {
    const auto y =
        attend(split_heads(q, sequences, query_rows.length, heads), split_heads(k, sequences, key_rows.length, heads),
               split_heads(v, sequences, key_rows.length, heads), causal, scores);
    if (scores) *scores = scores->flatten();
    return y.transpose(1, 2).reshape(q.sizes());  // b h t d -> (b t) (h d)
  }
  std::vector<at::Tensor> pieces, weights;
  for (int64_t s = 0; s < sequences; ++s) {
    const auto queries = q.slice(0, query_rows.begin(s), query_rows.begin(s + 1));
    const int64_t key_begin = key_rows.begin(s), key_end = key_rows.begin(s + 1);
    if (queries.size(0) == 0) continue;
    at::Tensor piece_weights;
    const auto y = attend(split_heads(queries, 1, queries.size(0), heads),
                          split_heads(k.slice(0, key_begin, key_end), 1, key_end - key_begin, heads),
                          split_heads(v.slice(0, key_begin, key_end), 1, key_end - key_begin, heads), causal,
                          scores ? &piece_weights : nullptr);
    pieces.push_back(y.transpose(1, 2).reshape(queries.sizes()));
    if (scores) weights.push_back(piece_weights.flatten());
  }
  if (scores) *scores = at::cat(weights);
  return at::cat(pieces);
}

at::Tensor self_attention(const at::Tensor& qkv, int64_t heads, const Rows& rows, bool causal) {
  if (qkv.dim() != 2 || qkv.size(0) != rows.count || heads < 1 || qkv.size(1) % (3 * heads) != 0)
    fail("self_attention: expected qkv [", rows.count, ", 3 * heads * head_dim] with ", heads, " heads, got ",
         qkv.sizes());
  if (fused({&qkv}))
    return FusedSelfAttention::apply(qkv, heads, rows.sequences, rows.length,
                                     rows.offsets.defined() ? std::optional(rows.offsets) : std::nullopt, causal);
  const auto parts = qkv.chunk(3, 1);
  return attention(parts[0], parts[1], parts[2], heads, rows, rows, causal);
}

}  // namespace strata::ops
