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

at::Tensor packed_self_attention(const at::Tensor& qkv, int64_t heads, bool causal,
                                 const std::optional<at::Tensor>& offsets) {
  return self_attention(qkv, heads, offsets, causal);
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
  library.def("cross_entropy(Tensor logits, Tensor targets, float smoothing=0.0) -> Tensor", any_cross_entropy);
  library.def(
      "linear_cross_entropy(Tensor x, Tensor weight, Tensor? bias, Tensor targets, Tensor? row_weights=None, "
      "float smoothing=0.0, str reduction=\"mean\") -> Tensor",
      any_linear_cross_entropy);
}

}  // namespace strata::ops
