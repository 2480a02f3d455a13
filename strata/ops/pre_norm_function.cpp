#include "strata/ops/pre_norm_function.h"

#include "strata/base/error.h"
#include "strata/ops/norm.h"

namespace strata::ops {

at::Tensor required(const WeightList& weights, size_t i) {
  const OptionalTensor weight = weights.get(i);
  if (!weight)
    fail("pre-norm operator: expected gain, bias or none, weight, bias or none, weight, bias or none, found none at ",
         i);
  return *weight;
}

WeightList SublayerWeights::pack() const {
  const auto optional = [](const at::Tensor& tensor) {
    return tensor.defined() ? OptionalTensor(tensor) : std::nullopt;
  };
  return WeightList(
      {norm.gain, optional(norm.bias), first.weight, optional(first.bias), second.weight, optional(second.bias)});
}

SublayerWeights SublayerWeights::unpack(const WeightList& weights, double eps) {
  const auto at = [&](size_t i) {
    const OptionalTensor weight = weights.get(i);
    return weight ? weight->contiguous() : at::Tensor();
  };
  const auto needed = [&](size_t i) { return required(weights, i).contiguous(); };
  const at::Tensor bias = at(1);
  return {{bias.defined(), needed(0), bias, eps}, {needed(2), at(3)}, {needed(4), at(5)}};
}

bool SublayerWeights::fused_with(const at::Tensor& x) const {
  return fused({&x, &norm.gain, &norm.bias, &first.weight, &first.bias, &second.weight, &second.bias});
}

void SublayerWeights::check_vectors(const char* op) const {
  const auto check = [&](const char* what, const at::Tensor& vector, const c10::SymInt& size) {
    if (vector.defined() && (vector.dim() != 1 || vector.sym_size(0) != size))
      fail(op, ": expected ", what, " [", size, "], got ", vector.sym_sizes());
  };
  check("gain of the norm", norm.gain, first.weight.sym_size(1));
  check("bias of the norm", norm.bias, first.weight.sym_size(1));
  check("the first layer's bias", first.bias, first.weight.sym_size(0));
  check("the second layer's bias", second.bias, second.weight.sym_size(0));
}

at::Tensor apply_norm(const NormInFront& norm, const at::Tensor& x) {
  return norm.layer ? layer_norm(x, norm.gain, norm.bias, norm.eps) : rms_norm(x, norm.gain, norm.eps);
}

at::Tensor or_empty(const at::Tensor& tensor, const at::Tensor& like) {
  return tensor.defined() ? tensor : like.new_empty({0});
}

BackwardResult gradients_of(const at::Tensor& dx, const std::optional<WeightGradients>& weights) {
  std::vector<at::Tensor> result(kSublayerWeights);
  if (weights)
    result = {weights->gain, weights->bias, weights->first, weights->first_bias, weights->second, weights->second_bias};
  for (auto& each : result) each = or_empty(each, dx);
  return {dx, result};
}

BackwardResult gradients_like(const at::Tensor& x, const WeightList& weights, bool trained) {
  std::vector<at::Tensor> result;
  for (size_t i = 0; i < kSublayerWeights; ++i) {
    const OptionalTensor weight = weights.get(i);
    result.push_back(trained && weight ? plain_like(*weight) : x.new_empty({0}));
  }
  return {plain_like(x), result};
}

BackwardResult zero_gradients(const at::Tensor& x, const WeightList& weights, bool trained) {
  BackwardResult result = gradients_like(x, weights, trained);
  for (auto& each : std::get<1>(result)) each.zero_();
  return result;
}

}  // namespace strata::ops
