#pragma once

#include <cstdint>
#include <string_view>

#include "strata/kernels/isa.h"

namespace strata {

/// GELU (Hendrycks and Gimpel 2016), with the bias of the linear layer before it: x Phi(x), Phi the standard normal
/// distribution, or with `tanh` its older approximation x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
///   y = gelu(x + bias);   within 1e-6 of the exact value for |x| < 10, relative accuracy kept in the lower tail
struct GeluForward {
  bool tanh = false;
  int64_t rows = 0, channels = 0;
  const float* x = nullptr;     // [rows, channels], without the bias
  const float* bias = nullptr;  // [channels] or null
  float* y = nullptr;           // [rows, channels]; may be x
};
/// dx = dy gelu'(x + bias), gelu'(x) = Phi(x) + x phi(x) for the exact form; dbias = column sums of dx.
struct GeluBackward {
  bool tanh = false;
  int64_t rows = 0, channels = 0;
  const float* dy = nullptr;    // [rows, channels]
  const float* x = nullptr;     // [rows, channels], as forward read it
  const float* bias = nullptr;  // [channels] or null
  float* dx = nullptr;          // [rows, channels]; may be dy or x
  float* dbias = nullptr;       // [channels] or null
  float* y = nullptr;           // [rows, channels] or null: what forward wrote, again; it costs next to nothing here
};
void gelu_forward(const GeluForward& args);
void gelu_backward(const GeluBackward& args);

/// SwiGLU (Shazeer 2020, eq. 5): y = silu(gate) * up, silu(x) = x / (1 + e^-x). gate and up are two halves of one wide
/// row or two tensors: `stride` is the distance in floats between their rows. Every pointer may be the place an input
/// came from.
struct SwigluForward {
  int64_t rows = 0, channels = 0, stride = 0;
  const float* gate = nullptr;  // [rows, channels], rows `stride` apart
  const float* up = nullptr;    // the same
  float* y = nullptr;           // [rows, channels], contiguous
};
/// dup = dy silu(gate), dgate = dy up silu'(gate), silu'(x) = s (1 + x (1 - s)) with s = sigmoid(x).
struct SwigluBackward {
  int64_t rows = 0, channels = 0, stride = 0;
  const float* dy = nullptr;    // [rows, channels], contiguous
  const float* gate = nullptr;  // [rows, channels], rows `stride` apart
  const float* up = nullptr;    // the same
  float* dgate = nullptr;       // the same
  float* dup = nullptr;         // the same
  float* y = nullptr;           // [rows, channels] or null: what forward wrote, again
};
void swiglu_forward(const SwigluForward& args);
void swiglu_backward(const SwigluBackward& args);

/// out[c] = sum over rows of x[r, c]: the gradient of a bias. Order of additions fixed by the thread count.
struct BiasGrad {
  int64_t rows = 0, channels = 0;
  const float* x = nullptr;  // [rows, channels]
  float* out = nullptr;      // [channels]
};
void bias_grad(const BiasGrad& args);

/// One level's loops over rows [begin, end); those with `sums` add column sums to it [channels].
struct ActivationLevel {
  Isa isa;
  void (*gelu_forward)(const GeluForward& args, int64_t begin, int64_t end);
  void (*gelu_backward)(const GeluBackward& args, int64_t begin, int64_t end, float* sums);
  void (*swiglu_forward)(const SwigluForward& args, int64_t begin, int64_t end);
  void (*swiglu_backward)(const SwigluBackward& args, int64_t begin, int64_t end);
  void (*bias_grad)(const BiasGrad& args, int64_t begin, int64_t end, float* sums);
};
extern const ActivationLevel kActivationReference, kActivationAvx2, kActivationAvx512;

namespace ops {

/// What a feed-forward net does between its two layers.
enum class Activation { gelu, gelu_tanh, quick_gelu, relu, silu };
/// Of its name, those of Hugging Face's hidden_act included: gelu | gelu_new, gelu_fast, gelu_pytorch_tanh, gelu_tanh |
/// quick_gelu | relu | silu, swish. Throws Error.
Activation activation_of(std::string_view name);

}  // namespace ops
}  // namespace strata
