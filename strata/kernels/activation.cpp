#include "strata/kernels/activation.h"

#include <array>
#include <cmath>

#include "strata/base/error.h"
#include "strata/base/threads.h"
#include "strata/kernels/column_sums.h"

namespace strata {
namespace {

double normal_distribution(double x) {
  return 0.5 * std::erfc(-x * M_SQRT1_2);
}
double normal_density(double x) {
  return std::exp(-0.5 * x * x) * 0.5 * M_2_SQRTPI * M_SQRT1_2;
}

struct Activated {
  double y, slope;
};

Activated gelu(double x, bool tanh) {
  if (!tanh) return {x * normal_distribution(x), normal_distribution(x) + x * normal_density(x)};
  // As x sigmoid(z), which keeps the lower tail that 1 + tanh would lose.
  const double linear = std::sqrt(8 / M_PI), cubic = 0.044715 * linear;
  const double s = 1 / (1 + std::exp(-x * (linear + cubic * x * x)));
  return {x * s, s + x * s * (1 - s) * (linear + 3 * cubic * x * x)};
}

void gelu_forward_reference(const GeluForward& a, int64_t begin, int64_t end) {
  for (int64_t i = begin * a.channels; i < end * a.channels; ++i) {
    const double x = a.x[i] + (a.bias ? a.bias[i % a.channels] : 0.0F);
    a.y[i] = static_cast<float>(gelu(x, a.tanh).y);
  }
}

void gelu_backward_reference(const GeluBackward& a, int64_t begin, int64_t end, float* sums) {
  std::vector<double> totals(a.channels);
  for (int64_t i = begin * a.channels; i < end * a.channels; ++i) {
    const double x = a.x[i] + (a.bias ? a.bias[i % a.channels] : 0.0F);
    const auto [y, slope] = gelu(x, a.tanh);
    if (a.y) a.y[i] = static_cast<float>(y);
    a.dx[i] = static_cast<float>(a.dy[i] * slope);
    totals[i % a.channels] += a.dx[i];
  }
  for (int64_t c = 0; c < a.channels; ++c) sums[c] += static_cast<float>(totals[c]);
}

void swiglu_forward_reference(const SwigluForward& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row)
    for (int64_t c = 0; c < a.channels; ++c) {
      const double gate = a.gate[row * a.stride + c];
      a.y[row * a.channels + c] = static_cast<float>(gate / (1 + std::exp(-gate)) * a.up[row * a.stride + c]);
    }
}

void swiglu_backward_reference(const SwigluBackward& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row)
    for (int64_t c = 0; c < a.channels; ++c) {
      const int64_t at = row * a.stride + c;
      const double dy = a.dy[row * a.channels + c];
      const double gate = a.gate[at];
      const double s = 1 / (1 + std::exp(-gate));
      const double dgate = dy * a.up[at] * s * (1 + gate * (1 - s));
      if (a.y) a.y[row * a.channels + c] = static_cast<float>(gate * s * a.up[at]);
      a.dup[at] = static_cast<float>(dy * gate * s);
      a.dgate[at] = static_cast<float>(dgate);
    }
}

void bias_grad_reference(const BiasGrad& a, int64_t begin, int64_t end, float* sums) {
  for (int64_t c = 0; c < a.channels; ++c) {
    double total = 0;
    for (int64_t row = begin; row < end; ++row) total += a.x[row * a.channels + c];
    sums[c] += static_cast<float>(total);
  }
}

constexpr std::array kLevels{&kActivationReference, &kActivationAvx2, &kActivationAvx512};

void check(int64_t rows, int64_t channels, const char* who) {
  if (rows < 0 || channels < 1) fail(who, ": expected rows >= 0 and channels >= 1, got ", rows, " and ", channels);
}
void check_stride(int64_t channels, int64_t stride) {
  if (stride < channels) fail("swiglu: expected a row stride of at least channels = ", channels, ", got ", stride);
}

template <class Args>
void over_rows(const Args& args, void (*rows)(const Args&, int64_t, int64_t)) {
  parallel_for(args.rows, 1 + 4096 / args.channels, [&](int64_t begin, int64_t end, int) { rows(args, begin, end); });
}

template <class Args>
void over_rows_with_sums(const Args& args, float* out, void (*rows)(const Args&, int64_t, int64_t, float*)) {
  ColumnSums sums(args.channels);
  parallel_for(args.rows, 1 + 8192 / args.channels, [&](int64_t begin, int64_t end, int thread) {
    sums.blocks(thread, begin, end, [&](int64_t from, int64_t to, float* part) { rows(args, from, to, part); });
  });
  sums.write(0, args.channels, out);
}

}  // namespace

const ActivationLevel kActivationReference{Isa::reference,           gelu_forward_reference,    gelu_backward_reference,
                                           swiglu_forward_reference, swiglu_backward_reference, bias_grad_reference};

void gelu_forward(const GeluForward& args) {
  check(args.rows, args.channels, "gelu");
  over_rows(args, pick_level(kLevels).gelu_forward);
}
void gelu_backward(const GeluBackward& args) {
  check(args.rows, args.channels, "gelu");
  over_rows_with_sums(args, args.dbias, pick_level(kLevels).gelu_backward);
}
void swiglu_forward(const SwigluForward& args) {
  check(args.rows, args.channels, "swiglu");
  check_stride(args.channels, args.stride);
  over_rows(args, pick_level(kLevels).swiglu_forward);
}
void swiglu_backward(const SwigluBackward& args) {
  check(args.rows, args.channels, "swiglu");
  check_stride(args.channels, args.stride);
  over_rows(args, pick_level(kLevels).swiglu_backward);
}
void bias_grad(const BiasGrad& args) {
  check(args.rows, args.channels, "bias_grad");
  over_rows_with_sums(args, args.out, pick_level(kLevels).bias_grad);
}

namespace ops {

Activation activation_of(std::string_view name) {
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_tanh" || name == "gelu_new" || name == "gelu_fast" || name == "gelu_pytorch_tanh")
    return Activation::gelu_tanh;
  if (name == "quick_gelu") return Activation::quick_gelu;
  if (name == "relu") return Activation::relu;
  if (name == "silu" || name == "swish") return Activation::silu;
  fail("activation: unknown '", name,
       "'; known: gelu, gelu_tanh (gelu_new, gelu_fast, gelu_pytorch_tanh), quick_gelu, ", "relu, silu (swish)");
}

}  // namespace ops
}  // namespace strata
