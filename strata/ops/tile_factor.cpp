#include "strata/ops/tile_factor.h"

#include <ATen/ATen.h>

#include "strata/base/threads.h"

// MKL's packed products, which LibTorch's build for x86 exports; null where it comes with another library. Integers are
// declared as wide as MKL's wider interface has them: what is passed so serves the narrow one as well.
extern "C" {
__attribute__((weak)) size_t cblas_sgemm_pack_get_size(int64_t factor, int64_t m, int64_t n, int64_t k);
__attribute__((weak)) void cblas_sgemm_pack(int64_t layout, int64_t factor, int64_t transpose, int64_t m, int64_t n,
                                            int64_t k, float alpha, const float* source, int64_t stride, float* packed);
__attribute__((weak)) void cblas_sgemm_compute(int64_t layout, int64_t transpose_a, int64_t transpose_b, int64_t m,
                                               int64_t n, int64_t k, const float* a, int64_t stride_a, const float* b,
                                               int64_t stride_b, float beta, float* c, int64_t stride_c);
}

namespace strata::ops {
namespace {

// CBLAS's numbers.
constexpr int64_t kRowMajor = 101, kAsIs = 111, kTransposed = 112, kPacked = 151, kRightFactor = 162;

// Smaller factors are read as they lie by kernels that need no packing at all.
constexpr int64_t kLeastPacked = 1 << 14;

at::Tensor pack(const at::Tensor& matrix, int64_t rows) {
  const int64_t in = matrix.size(0), out = matrix.size(1);
  if (in * out < kLeastPacked) return {};
  const bool transposed = matrix.stride(0) == 1 && matrix.stride(1) == in;
  if (!transposed && !matrix.is_contiguous()) return {};
  const auto bytes = static_cast<int64_t>(cblas_sgemm_pack_get_size(kRightFactor, rows, out, in));
  at::Tensor packed = at::empty({(bytes + 3) / 4}, matrix.options());
  cblas_sgemm_pack(kRowMajor, kRightFactor, transposed ? kTransposed : kAsIs, rows, out, in, 1.0F,
                   matrix.const_data_ptr<float>(), transposed ? in : out, packed.mutable_data_ptr<float>());
  return packed;
}

}  // namespace

std::vector<TileFactor> tile_factors(std::initializer_list<at::Tensor> matrices, int64_t rows) {
  std::vector<TileFactor> factors;
  for (const at::Tensor& matrix : matrices) factors.push_back({.matrix = matrix.detach(), .packed = {}, .rows = rows});
  if (cblas_sgemm_pack == nullptr || cblas_sgemm_pack_get_size == nullptr || cblas_sgemm_compute == nullptr || rows < 1)
    return factors;
  parallel_for(std::ssize(factors), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) factors[i].packed = pack(factors[i].matrix, rows);
  });
  return factors;
}

void multiply(const at::Tensor& y, const at::Tensor& x, const TileFactor& factor, bool accumulate) {
  if (!factor.packed.defined() || x.size(0) != factor.rows) {
    y.addmm_(x, factor.matrix, accumulate ? 1 : 0);
    return;
  }
  const int64_t in = factor.matrix.size(0), out = factor.matrix.size(1);
  cblas_sgemm_compute(kRowMajor, kAsIs, kPacked, x.size(0), out, in, x.const_data_ptr<float>(), in,
                      factor.packed.const_data_ptr<float>(), out, accumulate ? 1.0F : 0.0F, y.mutable_data_ptr<float>(),
                      out);
}

}  // namespace strata::ops
