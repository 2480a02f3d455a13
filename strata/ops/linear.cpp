#include "strata/ops/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include "strata/base/process.h"

namespace strata::ops {
namespace {

// oneDNN as LibTorch carries it, or nothing where this build of it has none. The operator is one of its compiler's.
using OneDnnLinear = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                                std::string_view, c10::List<std::optional<at::Scalar>>,
                                std::optional<std::string_view>);

std::optional<c10::TypedOperatorHandle<OneDnnLinear>> find_one_dnn() {
  const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (!found || !found->hasKernelForDispatchKey(c10::DispatchKey::CPU)) return std::nullopt;
  return found->typed<OneDnnLinear>();
}

std::optional<at::Tensor> optional(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x, weight, optional(bias));
}

at::Tensor plain_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  static const auto one_dnn = cpu_features().vendor == "AuthenticAMD" ? find_one_dnn() : std::nullopt;
  if (!one_dnn || x.numel() == 0) return linear(x, weight, bias);
  return one_dnn->call(x, weight, optional(bias), "none", c10::List<std::optional<at::Scalar>>(), std::nullopt);
}

}  // namespace strata::ops
