#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <tuple>
#include <vector>

#include "strata/ops/dispatch.h"
#include "strata/ops/mode.h"
#include "strata/ops/tiles.h"

// The operators of pre_norm.h towards LibTorch: how their weights travel through the dispatcher, and one autograd
// function for both.
namespace strata::ops {

using OptionalTensor = std::optional<at::Tensor>;
/// Gain and bias of the norm, weight and bias of the first layer, weight and bias of the second.
using WeightList = c10::List<OptionalTensor>;
constexpr size_t kSublayerWeights = 6;

/// One of those that every sublayer has. Throws Error where it is missing.
at::Tensor required(const WeightList& weights, size_t i);

struct SublayerWeights {
  NormInFront norm;
  LinearWeights first, second;

  WeightList pack() const;
  /// Contiguous, as the kernels read them.
  static SublayerWeights unpack(const WeightList& weights, double eps);
  /// Whether a fused level may serve them and x.
  bool fused_with(const at::Tensor& x) const;
  /// The kernels trust them: gains and biases as long as what they are added to. Throws Error in the name of `op`.
  void check_vectors(const char* op) const;
};

/// norm(x) by the separate operator.
at::Tensor apply_norm(const NormInFront& norm, const at::Tensor& x);

/// What a kernel hands on to its backward.
using ForwardResult = std::tuple<at::Tensor, std::vector<at::Tensor>>;
/// dx and the gradients of the weights, in the order of WeightList; empty tensors where there is no such weight.
using BackwardResult = std::tuple<at::Tensor, std::vector<at::Tensor>>;

/// A schema knows no undefined tensors: empty ones take their place.
at::Tensor or_empty(const at::Tensor& tensor, const at::Tensor& like);
/// From what a backward kernel made; without weights where it made none for them.
BackwardResult gradients_of(const at::Tensor& dx, const std::optional<WeightGradients>& weights);
/// The shapes of that, for Meta kernels.
BackwardResult gradients_like(const at::Tensor& x, const WeightList& weights, bool trained);
/// Those of no rows.
BackwardResult zero_gradients(const at::Tensor& x, const WeightList& weights, bool trained);

/// Op holds the settings: `forward(x, weights, keep)` and `backward(dy, x, weights, kept, trained)` go through the
/// dispatcher; `store` and `load` carry the settings from one to the other.
template <class Op>
struct PreNormFunction : torch::autograd::Function<PreNormFunction<Op>> {
  using Context = torch::autograd::AutogradContext;
  using Variables = torch::autograd::variable_list;

  static at::Tensor forward(Context* context, const at::Tensor& input, const at::Tensor& gain,
                            const OptionalTensor& norm_bias, const at::Tensor& first, const OptionalTensor& first_bias,
                            const at::Tensor& second, const OptionalTensor& second_bias, const Op& op) {
    const at::Tensor x = input.contiguous();
    const WeightList weights({gain, norm_bias, first, first_bias, second, second_bias});
    auto [y, kept] = op.forward(x, weights, /*keep=*/true);
    Variables saved{x};
    for (size_t i = 0; i < kSublayerWeights; ++i) saved.push_back(weights.get(i).value_or(at::Tensor()));
    saved.push_back(op.offsets.value_or(at::Tensor()));
    saved.insert(saved.end(), kept.begin(), kept.end());
    context->save_for_backward(saved);
    op.store(context->saved_data);
    return y;
  }

  static Variables backward(Context* context, Variables gradients) {
    const Variables saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    WeightList weights;
    Variables read{x, gradients[0]};
    bool trained = false;
    for (size_t i = 1; i <= kSublayerWeights; ++i) {
      weights.push_back(saved[i].defined() ? OptionalTensor(saved[i]) : std::nullopt);
      if (!saved[i].defined()) continue;
      read.push_back(saved[i]);
      trained = trained || saved[i].requires_grad();
    }
    Op op = Op::load(context->saved_data);
    const at::Tensor& offsets = saved[kSublayerWeights + 1];
    if (offsets.defined()) op.offsets = offsets;
    const Variables kept(saved.begin() + kSublayerWeights + 2, saved.end());
    auto [dx, dweights] = op.backward(gradients[0], x, weights, kept, trained);
    Variables result{dx};
    for (size_t i = 0; i < kSublayerWeights; ++i)
      result.push_back(trained && saved[i + 1].defined() ? dweights[i] : at::Tensor());
    differentiable_once(Op::kName, read, result);
    result.emplace_back();  // the settings
    return result;
  }
};

/// Runs the fused level, keeping what backward needs where gradients are wanted.
template <class Op>
at::Tensor run_fused(const Op& op, const at::Tensor& x, const SublayerWeights& weights) {
  const WeightList list = weights.pack();
  if (!at::GradMode::is_enabled()) return std::get<0>(op.forward(x, list, /*keep=*/false));
  return PreNormFunction<Op>::apply(x, weights.norm.gain, list.get(1), weights.first.weight, list.get(3),
                                    weights.second.weight, list.get(5), op);
}

}  // namespace strata::ops
