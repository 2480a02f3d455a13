#include "strata/ops/dispatch.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>

#include <string>

namespace strata::ops {

void raw_op(torch::Library& library, const char* schema) {
  library.def(schema, {at::Tag::needs_fixed_stride_order, at::Tag::pt2_compliant_tag});
  const std::string text = schema, name = text.substr(0, text.find('('));
  library.impl(name.c_str(),
               torch::dispatch(c10::DispatchKey::Autograd, torch::autograd::autogradNotImplementedFallback()));
}

at::Tensor plain_like(const at::Tensor& tensor) {
  return at::empty_like(tensor, at::MemoryFormat::Contiguous);
}

at::Tensor per_row(const at::Tensor& x) {
  return x.new_empty_symint({x.sym_size(0)});
}

}  // namespace strata::ops
