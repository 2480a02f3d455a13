#pragma once

#include <optional>

#include "strata/ops/rows.h"

namespace strata::ops {

/// The two halves of a pre-norm transformer block (Xiong et al. 2020), each as one operator: a few hundred rows at a
/// time go through norm, matrix products and what lies between them while they are in the cache, one thread per piece.
/// That saves the passes over memory, the barriers and most of the saved activations of the separate operators: the
/// norm is computed again in backward, and so is the activation. Differentiable once.

/// The norm in front: layer norm (gain, bias) or, with layer = false, RMS norm (gain, no bias).
struct NormInFront {
  bool layer = true;
  at::Tensor gain, bias;  // [channels]; bias undefined for RMS norm
  double eps = 1e-5;
};

/// A linear layer's weight [out, in] and bias [out] or undefined.
struct LinearWeights {
  at::Tensor weight, bias;
};

/// Whether the fused operators serve these tensors and are worth it: float32 on the CPU, no CompositeGuard, no
/// autocast; enough rows, and enough `pieces` that can run on their own (sequences for attention, rows for an MLP), to
/// keep every thread busy and to pay for gradients of the weights of each thread's own.
bool pre_norm_fused(const at::Tensor& x, int64_t pieces, const NormInFront& norm, const LinearWeights& first,
                    const LinearWeights& second);

/// These run fused where the types of tensors allow it (pre_norm_fused says where that is faster), as the separate
/// operators elsewhere.

/// What pre_norm_mlp does between its layers; for swiglu the first one gives [gate | up].
enum class MlpActivation : int64_t { gelu, gelu_tanh, swiglu };

/// down(activation(up(norm(x))));
///   x [rows, channels] -> [rows, channels]; with add_input, x is added to the result.
at::Tensor pre_norm_mlp(const at::Tensor& x, const NormInFront& norm, const LinearWeights& up,
                        const LinearWeights& down, MlpActivation activation, bool add_input);

/// out(self_attention(qkv(norm(x)))), see self_attention; x [rows, channels] -> [rows, channels]; with add_input, x is
/// added to the result.
at::Tensor pre_norm_attention(const at::Tensor& x, const NormInFront& norm, const LinearWeights& qkv,
                              const LinearWeights& out, int64_t heads, const Rows& rows, bool causal, bool add_input);
/// The same for tensors that carry their layout themselves: x [sequences, length, channels] without offsets, or
/// [rows, channels] with offsets [sequences + 1] int64 on the CPU -> x's shape.
at::Tensor pre_norm_attention(const at::Tensor& x, const NormInFront& norm, const LinearWeights& qkv,
                              const LinearWeights& out, int64_t heads, const std::optional<at::Tensor>& offsets,
                              bool causal, bool add_input);

}  // namespace strata::ops
