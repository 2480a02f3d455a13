#include "strata/ops/tile_factor.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "strata/base/threads.h"
#include "strata/kernels/small_product.h"

// BLAS's product as every LibTorch brings it with a BLAS of 32-bit integers; calling it costs a tenth of a microsecond, by
// way of tensors it is five.
extern "C" __attribute__((weak)) void blas_sgemm(const char* transpose_a, const char* transpose_b, const int* m,
                                                 const int* n, const int* k, const float* alpha, const float* a,
                                                 const int* stride_a, const float* b, const int* stride_b,
                                                 const float* beta, float* c, const int* stride_c) __asm__("sgemm_");
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

// Factors of up to so many numbers are for our own kernel: 48 to 96 channels gain a tenth of a whole training step, at
// 192 the library is as fast or faster.
constexpr int64_t kLargestSmall = (1 << 14) - 1;

bool is_small(int64_t in, int64_t out) {
  return in * out <= kLargestSmall && out % SmallProduct::kColumns == 0;
}

// Whether columns lie together, not rows.
bool transposed(const at::Tensor& matrix) {
  return matrix.stride(1) != 1;
}
int64_t stride_of(const at::Tensor& matrix) {
  return std::max<int64_t>(transposed(matrix) ? matrix.stride(1) : matrix.stride(0), 1);
}

at::Tensor as_tensor(const Matrix& matrix) {
  return at::from_blob(matrix.data, {matrix.rows, matrix.columns}, at::kFloat);
}

// c = a b + beta c of matrices whose rows lie together: to BLAS, whose columns do, that is c^T = b^T a^T.
void product(bool transpose_a, bool transpose_b, int64_t rows, int64_t columns, int64_t inner, const float* a,
             int64_t stride_a, const float* b, int64_t stride_b, float beta, float* c) {
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };  // see by_blas
  const int m = narrow(columns), n = narrow(rows), k = narrow(inner), first = narrow(stride_b),
            second = narrow(stride_a), third = narrow(std::max<int64_t>(columns, 1));
  const float alpha = 1;
  blas_sgemm(transpose_b ? "T" : "N", transpose_a ? "T" : "N", &m, &n, &k, &alpha, b, &first, a, &second, &beta, c,
             &third);
}

// What BLAS's integers cannot count goes by way of tensors, as everything does where there is no such BLAS.
bool by_blas(std::initializer_list<int64_t> sizes) {
  return blas_sgemm != nullptr && std::max(sizes) <= std::numeric_limits<int>::max();
}

at::Tensor pack(const at::Tensor& matrix, int64_t rows) {
  const int64_t in = matrix.size(0), out = matrix.size(1);

  const auto bytes = static_cast<int64_t>(cblas_sgemm_pack_get_size(kRightFactor, rows, out, in));
  at::Tensor packed = at::empty({(bytes + 3) / 4}, matrix.options());
  cblas_sgemm_pack(kRowMajor, kRightFactor, transposed(matrix) ? kTransposed : kAsIs, rows, out, in, 1.0F,
                   matrix.const_data_ptr<float>(), stride_of(matrix), packed.mutable_data_ptr<float>());
  return packed;
}

}  // namespace

std::vector<TileFactor> tile_factors(std::initializer_list<at::Tensor> matrices, int64_t rows) {
  std::vector<TileFactor> factors;
  for (const at::Tensor& matrix : matrices) {
    const bool as_it_lies = matrix.stride(0) == 1 || matrix.stride(1) == 1;
    factors.push_back(
        {.matrix = (as_it_lies ? matrix : matrix.contiguous()).detach(), .panels = {}, .packed = {}, .rows = rows});
  }
  const bool mkl =
      cblas_sgemm_pack != nullptr && cblas_sgemm_pack_get_size != nullptr && cblas_sgemm_compute != nullptr;
  parallel_for(std::ssize(factors), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const at::Tensor& matrix = factors[i].matrix;
      if (is_small(matrix.size(0), matrix.size(1))) {
        factors[i].panels = at::empty({matrix.numel()}, matrix.options());
        pack_panels(matrix.const_data_ptr<float>(), matrix.size(0), matrix.size(1), matrix.stride(0), matrix.stride(1),
                    factors[i].panels.mutable_data_ptr<float>());
      } else if (mkl && rows > 0) {
        factors[i].packed = pack(matrix, rows);
      }
    }
  });
  return factors;
}

void multiply(const Matrix& y, const Matrix& x, const TileFactor& factor, bool accumulate) {
  const at::Tensor& right = factor.matrix;
  const int64_t in = right.size(0), out = right.size(1);
  if (factor.panels.defined())
    return small_product({.rows = x.rows,
                          .columns = out,
                          .depth = in,
                          .a = x.data,
                          .a_row = in,
                          .b = factor.panels.const_data_ptr<float>(),
                          .c = y.data,
                          .c_row = out,
                          .accumulate = accumulate});
  const float beta = accumulate ? 1.0F : 0.0F;
  if (factor.packed.defined() && x.rows == factor.rows)
    return cblas_sgemm_compute(kRowMajor, kAsIs, kPacked, x.rows, out, in, x.data, in,
                               factor.packed.const_data_ptr<float>(), out, beta, y.data, out);
  if (by_blas({x.rows, in, out, stride_of(right)}))
    return product(false, transposed(right), x.rows, out, in, x.data, in, right.const_data_ptr<float>(),
                   stride_of(right), beta, y.data);
  as_tensor(y).addmm_(as_tensor(x), right, beta);
}

void add_product(const at::Tensor& total, const Matrix& a, const Matrix& b) {
  float* const to = total.mutable_data_ptr<float>();
  if (is_small(a.columns, b.columns)) {
    const float* right = b.data;  // as it lies where it fits one panel
    if (b.columns > SmallProduct::kPanel) {
      thread_local std::vector<float> panels;
      panels.resize(b.rows * b.columns);
      pack_panels(b.data, b.rows, b.columns, b.columns, 1, panels.data());
      right = panels.data();
    }
    return small_product({.rows = a.columns,
                          .columns = b.columns,
                          .depth = a.rows,
                          .a = a.data,
                          .a_row = 1,
                          .a_column = a.columns,
                          .b = right,
                          .c = to,
                          .c_row = b.columns,
                          .accumulate = true});
  }
  if (by_blas({a.rows, a.columns, b.columns}))
    return product(true, false, a.columns, b.columns, a.rows, a.data, a.columns, b.data, b.columns, 1, to);
  at::Tensor(total).addmm_(as_tensor(a).t(), as_tensor(b));
}

}  // namespace strata::ops
