#include "strata/ops/attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "strata/base/error.h"
#include "strata/kernels/attention.h"
#include "strata/ops/dispatch.h"
#include "strata/ops/mode.h"

namespace strata::ops {
namespace {

// q, k, v [batch, heads, length, head_dim] -> [batch, heads, queries, head_dim]
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, at::Tensor* weights,
                  int64_t window = 0) {
  const double head_dim = static_cast<double>(q.sym_size(-1).guard_int(__FILE__, __LINE__));
  auto scores = at::matmul(q * (1.0 / std::sqrt(head_dim)), k.transpose(-2, -1));
  if (causal) {
    // Symbolic sizes come from torch.compile. `place` is that of a query among the keys.
    const auto queries = q.sym_size(-2), keys = k.sym_size(-2);
    const auto options = q.options().dtype(at::kLong);
    const at::Tensor place = at::arange(keys - queries, keys, options).unsqueeze(1), key = at::arange(keys, options);
    at::Tensor hidden = key > place;
    if (window > 0) hidden = hidden | (key <= place - window);
    scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  }
  const auto probabilities = at::softmax(scores, -1);
  if (weights) *weights = probabilities;
  return at::matmul(probabilities, v);
}

// Without an order of rows there is no last key to count back from.
void check_window(int64_t window, bool causal) {
  if (window < 0 || (window > 0 && !causal))
    fail("attention: expected a window of 0, for all keys, or of at least 1 with causal attention, got ", window,
         causal ? "" : " without causal", "; a window counts back from each query's own row");
}

at::Tensor split_heads(const at::Tensor& x, int64_t batch, int64_t length, int64_t heads) {
  return x.reshape({batch, length, heads, x.size(1) / heads}).transpose(1, 2);  // (b t) (h d) -> b h t d
}

AttentionShape shape_of(const at::Tensor& qkv, int64_t heads, const at::Tensor& offsets, bool causal) {
  const bool ragged = offsets.defined();
  return {.sequences = ragged ? offsets.size(0) - 1 : qkv.size(0),
          .length = ragged ? 0 : qkv.size(1),
          .offsets = ragged ? offsets.const_data_ptr<int64_t>() : nullptr,
          .heads = heads,
          .head_dim = qkv.size(-1) / 3 / heads,
          .causal = causal};
}

// qkv [sequences, length, 3 heads head_dim], or [rows, 3 heads head_dim] with offsets -> out, and lse, which backward
// reads: without the last axis, [..., heads]
std::tuple<at::Tensor, at::Tensor> raw_self_attention(const at::Tensor& input, int64_t heads,
                                                      const std::optional<at::Tensor>& ragged, bool causal) {
  const at::Tensor qkv = input.contiguous(), offsets = ragged ? ragged->contiguous() : at::Tensor();
  if (offsets.defined()) rows_at("self_attention", offsets, qkv.size(0));
  auto sizes = qkv.sizes().vec();
  sizes.back() /= 3;
  at::Tensor out = at::empty(sizes, qkv.options());
  sizes.back() = heads;
  at::Tensor lse = at::empty(sizes, qkv.options());
  attention_forward({.shape = shape_of(qkv, heads, offsets, causal),
                     .qkv = qkv.const_data_ptr<float>(),
                     .out = out.mutable_data_ptr<float>(),
                     .lse = lse.mutable_data_ptr<float>()});
  return {out, lse};
}

at::Tensor raw_self_attention_backward(const at::Tensor& upstream, const at::Tensor& input, const at::Tensor& out,
                                       const at::Tensor& lse, int64_t heads, const std::optional<at::Tensor>& ragged,
                                       bool causal) {
  const at::Tensor qkv = input.contiguous(), dout = upstream.contiguous(), y = out.contiguous(),
                   sums = lse.contiguous(), offsets = ragged ? ragged->contiguous() : at::Tensor();
  at::Tensor dqkv = at::empty_like(qkv);
  attention_backward({.shape = shape_of(qkv, heads, offsets, causal),
                      .qkv = qkv.const_data_ptr<float>(),
                      .out = y.const_data_ptr<float>(),
                      .lse = sums.const_data_ptr<float>(),
                      .dout = dout.const_data_ptr<float>(),
                      .dqkv = dqkv.mutable_data_ptr<float>()});
  return dqkv;
}

struct FusedSelfAttention : torch::autograd::Function<FusedSelfAttention> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input, int64_t heads,
                            const std::optional<at::Tensor>& offsets, bool causal) {
    const at::Tensor qkv = input.contiguous();
    auto [out, lse] = dispatch<raw_self_attention>("strata::_self_attention", qkv, heads, offsets, causal);
    context->save_for_backward({qkv, out, lse, offsets.value_or(at::Tensor())});
    context->saved_data["heads"] = heads;
    context->saved_data["causal"] = causal;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    torch::autograd::variable_list result(4);
    result[0] = dispatch<raw_self_attention_backward>("strata::_self_attention_backward", gradients[0], saved[0],
                                                      saved[1], saved[2], context->saved_data["heads"].toInt(),
                                                      saved[3].defined() ? std::optional(saved[3]) : std::nullopt,
                                                      context->saved_data["causal"].toBool());
    differentiable_once("self_attention", {saved[0], gradients[0]}, result);
    return result;
  }
};

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads,
                     const Rows& query_rows, const Rows& key_rows, bool causal, at::Tensor* scores, int64_t window) {
  if (heads < 1 || q.dim() != 2 || q.size(0) != query_rows.count || k.size(0) != key_rows.count ||
      k.sizes() != v.sizes() || q.size(1) % heads != 0 || q.size(1) != k.size(1) ||
      query_rows.sequences != key_rows.sequences)
    fail("attention: expected q [", query_rows.count, ", heads * head_dim] and k, v [", key_rows.count, ", same] with ",
         heads, " heads, got q ", q.sizes(), ", k ", k.sizes(), ", v ", v.sizes(), " in ", query_rows.sequences,
         " and ", key_rows.sequences, " sequences");
  check_window(window, causal);
  const int64_t sequences = query_rows.sequences;
  if (q.size(0) == 0) return at::zeros_like(q);
  if (!query_rows.ragged() && !key_rows.ragged()) {
    const auto y =
        attend(split_heads(q, sequences, query_rows.length, heads), split_heads(k, sequences, key_rows.length, heads),
               split_heads(v, sequences, key_rows.length, heads), causal, scores, window);
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
                          scores ? &piece_weights : nullptr, window);
    pieces.push_back(y.transpose(1, 2).reshape(queries.sizes()));
    if (scores) weights.push_back(piece_weights.flatten());
  }
  if (scores) *scores = at::cat(weights);
  return at::cat(pieces);
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads, bool causal,
                     int64_t window) {
  if (q.dim() != 3 || k.dim() != 3 || k.sym_sizes() != v.sym_sizes() || q.sym_size(0) != k.sym_size(0) ||
      q.sym_size(2) != k.sym_size(2) || heads < 1 || q.sym_size(2) % heads != 0 ||
      (causal && q.sym_size(1) > k.sym_size(1)))
    fail(
        "attention: expected q [sequences, queries, heads * head_dim] and k, v [sequences, keys, heads * head_dim] "
        "with ",
        heads, " heads, no more queries than keys where causal, got q ", q.sym_sizes(), ", k ", k.sym_sizes(), ", v ",
        v.sym_sizes());
  check_window(window, causal);
  const auto split = [heads](const at::Tensor& x) { return x.unflatten_symint(-1, {heads, -1}).transpose(1, 2); };
  return attend(split(q), split(k), split(v), causal, nullptr, window).transpose(1, 2).flatten(-2);
}

at::Tensor self_attention(const at::Tensor& qkv, int64_t heads, const std::optional<at::Tensor>& offsets, bool causal) {
  const int64_t rank = offsets ? 2 : 3;
  if (qkv.dim() != rank || heads < 1 || qkv.sym_size(-1) % (3 * heads) != 0)
    fail("self_attention: expected qkv [", offsets ? "rows" : "sequences, length", ", 3 * heads * head_dim] with ",
         heads, " heads, got ", qkv.sym_sizes());
  if (offsets &&
      (offsets->dim() != 1 || offsets->sym_size(0) < 1 || offsets->scalar_type() != at::kLong || !offsets->is_cpu()))
    fail("self_attention: expected offsets [sequences + 1] of type int64 on the CPU, got ", offsets->sym_sizes(),
         " of type ", c10::toString(offsets->scalar_type()));
  if (fused({&qkv})) return FusedSelfAttention::apply(qkv, heads, offsets, causal);
  const auto parts = qkv.chunk(3, -1);
  if (offsets) {
    const Rows rows = rows_at("self_attention", *offsets, qkv.size(0));
    return attention(parts[0], parts[1], parts[2], heads, rows, rows, causal);
  }
  return attention(parts[0], parts[1], parts[2], heads, causal, 0);
}

at::Tensor self_attention(const at::Tensor& qkv, int64_t heads, const Rows& rows, bool causal) {
  if (qkv.dim() != 2 || qkv.size(0) != rows.count || heads < 1 || qkv.size(1) % (3 * heads) != 0)
    fail("self_attention: expected qkv [", rows.count, ", 3 * heads * head_dim] with ", heads, " heads, got ",
         qkv.sizes());
  if (rows.ragged()) return self_attention(qkv, heads, rows.offsets, causal);
  return self_attention(qkv.reshape({rows.sequences, rows.length, qkv.size(1)}), heads, std::nullopt, causal)
      .flatten(0, 1);
}

TORCH_LIBRARY_FRAGMENT(strata, library) {
  raw_op(library, "_self_attention(Tensor qkv, int heads, Tensor? offsets, bool causal) -> (Tensor, Tensor)");
  raw_op(library,
         "_self_attention_backward(Tensor dout, Tensor qkv, Tensor out, Tensor lse, int heads, "
         "Tensor? offsets, bool causal) -> Tensor");
}
TORCH_LIBRARY_IMPL(strata, CPU, library) {
  library.impl("_self_attention", raw_self_attention);
  library.impl("_self_attention_backward", raw_self_attention_backward);
}
TORCH_LIBRARY_IMPL(strata, Meta, library) {
  library.impl("_self_attention",
               [](const at::Tensor& qkv, int64_t heads, const std::optional<at::Tensor>&,
                  bool) -> std::tuple<at::Tensor, at::Tensor> {
                 auto out = qkv.sym_sizes().vec(), lse = out;
                 out.back() = out.back() / 3;
                 lse.back() = heads;
                 return {qkv.new_empty_symint(out), qkv.new_empty_symint(lse)};
               });
  library.impl("_self_attention_backward",
               [](const at::Tensor&, const at::Tensor& qkv, const at::Tensor&, const at::Tensor&, int64_t,
                  const std::optional<at::Tensor>&, bool) { return plain_like(qkv); });
}

}  // namespace strata::ops
