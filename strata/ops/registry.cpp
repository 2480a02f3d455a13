// The operators as PyTorch sees them: torch.ops.strata.NAME after torch.ops.load_library("libstrata.so"). Each is
// composite: it takes tensors of any type and device, and what it calls (a fused level, or plain ATen) brings the
// derivatives and what torch.compile and torch.export need (dispatch.h). To add one: a line with its schema, a line
// with its function. Operators that write in place register themselves (adamw.cpp).
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>

#include "strata/base/error.h"
#include "strata/base/threads.h"
#include "strata/ops/activation.h"
#include "strata/ops/attention.h"
#include "strata/ops/linear.h"
#include "strata/ops/linear_cross_entropy.h"
#include "strata/ops/loss.h"
#include "strata/ops/norm.h"
#include "strata/ops/pre_norm.h"
#include "strata/ops/rope.h"

namespace strata::ops {
namespace {

// Runs an operator on rows [n, channels] for x [..., channels].
template <class Function>
at::Tensor over_rows(const char* op, const at::Tensor& x, Function&& function) {
  if (x.dim() == 2) return function(x);
  if (x.dim() == 0) fail(op, ": expected x [..., channels], got a tensor of no dimensions");
  const at::Tensor y = function(x.dim() == 1 ? x.unsqueeze(0) : x.flatten(0, -2));
  auto sizes = x.sym_sizes().vec();
  sizes.back() = y.sym_size(-1);
  return y.reshape_symint(sizes);
}

at::Tensor any_layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  return over_rows("layer_norm", x, [&](const at::Tensor& rows) { return layer_norm(rows, weight, bias, eps); });
}

at::Tensor any_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return over_rows("rms_norm", x, [&](const at::Tensor& rows) { return rms_norm(rows, weight, eps); });
}

at::Tensor any_gelu(const at::Tensor& x) {
  return over_rows("gelu", x, ops::gelu);
}

at::Tensor any_gelu_tanh(const at::Tensor& x) {
  return over_rows("gelu_tanh", x, gelu_tanh);
}

at::Tensor any_swiglu(const at::Tensor& x) {
  return over_rows("swiglu", x, swiglu);
}

at::Tensor any_linear(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  return over_rows("linear", x,
                   [&](const at::Tensor& rows) { return linear(rows, weight, bias.value_or(at::Tensor())); });
}

at::Tensor any_activation(const at::Tensor& x, std::string_view kind) {
  return over_rows("activation", x, [&](const at::Tensor& rows) { return activate(activation_of(kind), rows); });
}

at::Tensor any_gated(const at::Tensor& x, std::string_view kind) {
  return over_rows("gated", x, [&](const at::Tensor& rows) { return ops::gated(activation_of(kind), rows); });
}

LinearWeights linear_weights(const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  return {weight, bias.value_or(at::Tensor())};
}

NormInFront norm_in_front(const at::Tensor& gain, const std::optional<at::Tensor>& bias, double eps) {
  return {bias.has_value(), gain, bias.value_or(at::Tensor()), eps};
}

// One overload of several.
at::Tensor any_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads, bool causal,
                         int64_t window) {
  return attention(q, k, v, heads, causal, window);
}

MlpActivation mlp_activation(std::string_view name) {
  if (name == "gelu") return MlpActivation::gelu;
  if (name == "gelu_tanh") return MlpActivation::gelu_tanh;
  if (name == "swiglu") return MlpActivation::swiglu;
  fail("pre_norm_mlp: expected activation gelu, gelu_tanh or swiglu, got '", name, "'");
}

at::Tensor any_pre_norm_mlp(const at::Tensor& x, const at::Tensor& norm_weight,
                            const std::optional<at::Tensor>& norm_bias, const at::Tensor& up,
                            const std::optional<at::Tensor>& up_bias, const at::Tensor& down,
                            const std::optional<at::Tensor>& down_bias, double eps, std::string_view activation,
                            bool add_input) {
  return over_rows("pre_norm_mlp", x, [&](const at::Tensor& rows) {
    return pre_norm_mlp(rows, norm_in_front(norm_weight, norm_bias, eps), linear_weights(up, up_bias),
                        linear_weights(down, down_bias), mlp_activation(activation), add_input);
  });
}

at::Tensor any_pre_norm_attention(const at::Tensor& x, const at::Tensor& norm_weight,
                                  const std::optional<at::Tensor>& norm_bias, const at::Tensor& qkv,
                                  const std::optional<at::Tensor>& qkv_bias, const at::Tensor& out,
                                  const std::optional<at::Tensor>& out_bias, int64_t heads, double eps, bool causal,
                                  const std::optional<at::Tensor>& offsets, bool add_input) {
  return pre_norm_attention(x, norm_in_front(norm_weight, norm_bias, eps), linear_weights(qkv, qkv_bias),
                            linear_weights(out, out_bias), heads, offsets, causal, add_input);
}

at::Tensor packed_self_attention(const at::Tensor& qkv, int64_t heads, bool causal,
                                 const std::optional<at::Tensor>& offsets) {
  return self_attention(qkv, heads, offsets, causal);
}

// x [..., heads * head_dim], cosine and sine [..., pairs] with the same leading axes.
at::Tensor any_rotate(const at::Tensor& x, int64_t heads, const at::Tensor& cosine, const at::Tensor& sine) {
  if (x.dim() == 0 || cosine.dim() != x.dim() || heads < 1 || cosine.sym_sizes() != sine.sym_sizes() ||
      cosine.sym_sizes().slice(0, x.dim() - 1) != x.sym_sizes().slice(0, x.dim() - 1) || x.sym_size(-1) % heads != 0 ||
      2 * heads * cosine.sym_size(-1) > x.sym_size(-1))
    fail("rotate: expected x [..., heads * head_dim] with ", heads, " heads, and cosine and sine [..., pairs], got ",
         x.sym_sizes(), ", ", cosine.sym_sizes(), " and ", sine.sym_sizes());
  const auto flat = [](const at::Tensor& t) { return t.reshape_symint({-1, t.sym_size(-1)}); };
  return rotate(flat(x), heads, flat(cosine), flat(sine)).reshape_symint(x.sym_sizes());
}

// PyTorch gives classes last to rows of any number of axes by index: logits [..., classes], targets [...].
at::Tensor any_cross_entropy(const at::Tensor& logits, const at::Tensor& targets, double smoothing) {
  if (logits.dim() <= 2) return cross_entropy(logits, targets, smoothing);
  return cross_entropy(logits.flatten(0, -2), targets.flatten(), smoothing);
}

// x [..., channels], targets [...].
at::Tensor any_linear_cross_entropy(const at::Tensor& x, const at::Tensor& weight,
                                    const std::optional<at::Tensor>& bias, const at::Tensor& targets,
                                    const std::optional<at::Tensor>& row_weights, double smoothing,
                                    std::string_view reduction) {
  const auto known = {std::pair{"none", Reduction::none}, {"mean", Reduction::mean}, {"sum", Reduction::sum}};
  const auto* const wanted =
      std::find_if(known.begin(), known.end(), [&](const auto& each) { return reduction == each.first; });
  if (wanted == known.end())
    fail("linear_cross_entropy: expected reduction 'none', 'mean' or 'sum', got '", reduction, "'");
  if (x.dim() == 0) fail("linear_cross_entropy: expected x [..., channels], got a tensor of no dimensions");
  const bool flat = x.dim() == 2;
  const at::Tensor losses = linear_cross_entropy(
      flat ? x : x.reshape_symint({-1, x.sym_size(-1)}), weight, bias.value_or(at::Tensor()),
      targets.dim() == 1 ? targets : targets.flatten(),
      row_weights ? (row_weights->dim() == 1 ? *row_weights : row_weights->flatten()) : at::Tensor(), smoothing,
      wanted->second);
  return wanted->second == Reduction::none && !flat ? losses.reshape_symint(targets.sym_sizes()) : losses;
}

}  // namespace

TORCH_LIBRARY(strata, library) {
  // A process that is not ours keeps its number of threads; torch.set_num_threads says it.
  follow_threads(&at::get_num_threads);

  library.def("layer_norm(Tensor x, Tensor weight, Tensor bias, float eps=1e-5) -> Tensor", any_layer_norm);
  library.def("rms_norm(Tensor x, Tensor weight, float eps=1e-6) -> Tensor", any_rms_norm);
  library.def("gelu(Tensor x) -> Tensor", any_gelu);
  library.def("gelu_tanh(Tensor x) -> Tensor", any_gelu_tanh);
  library.def("swiglu(Tensor x) -> Tensor", any_swiglu);
  library.def("linear(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor", any_linear);
  library.def("self_attention(Tensor qkv, int heads, bool causal=False, Tensor? offsets=None) -> Tensor",
              packed_self_attention);
  library.def("activation(Tensor x, str kind) -> Tensor", any_activation);
  library.def("gated(Tensor x, str kind) -> Tensor", any_gated);
  library.def(
      "pre_norm_mlp(Tensor x, Tensor norm_weight, Tensor? norm_bias, Tensor up, Tensor? up_bias, Tensor down, "
      "Tensor? down_bias, float eps=1e-5, str activation='gelu', bool add_input=False) -> Tensor",
      any_pre_norm_mlp);
  library.def(
      "pre_norm_attention(Tensor x, Tensor norm_weight, Tensor? norm_bias, Tensor qkv, Tensor? qkv_bias, Tensor out, "
      "Tensor? out_bias, int heads, float eps=1e-5, bool causal=False, Tensor? offsets=None, bool add_input=False) -> "
      "Tensor",
      any_pre_norm_attention);
  library.def("rotate(Tensor x, int heads, Tensor cosine, Tensor sine) -> Tensor", any_rotate);
  library.def("attention(Tensor q, Tensor k, Tensor v, int heads, bool causal=False, int window=0) -> Tensor",
              any_attention);
  library.def("cross_entropy(Tensor logits, Tensor targets, float smoothing=0.0) -> Tensor", any_cross_entropy);
  library.def(
      "linear_cross_entropy(Tensor x, Tensor weight, Tensor? bias, Tensor targets, Tensor? row_weights=None, "
      "float smoothing=0.0, str reduction=\"mean\") -> Tensor",
      any_linear_cross_entropy);
}

}  // namespace strata::ops
