#include "strata/kernels/norm.h"

#include <array>
#include <cmath>

#include "strata/base/threads.h"
#include "strata/kernels/column_sums.h"

namespace strata {
namespace {

template <bool kCentred>
void forward_reference(const NormForward& a, int64_t begin, int64_t end) {
  const int64_t channels = a.channels;
  std::vector<float> stream(channels);
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * channels;
    double mean = 0;
    for (int64_t c = 0; c < channels; ++c) {
      stream[c] = a.x[at + c];
      if (a.delta) stream[c] += a.delta[at + c] + (a.delta_bias ? a.delta_bias[c] : 0.0F);
      mean += kCentred ? stream[c] : 0.0;
    }
    mean /= static_cast<double>(channels);
    double variance = 0;
    for (const float s : stream) variance += (s - mean) * (s - mean);
    const double rstd = 1 / std::sqrt(variance / static_cast<double>(channels) + a.eps);
    for (int64_t c = 0; c < channels; ++c) {
      const double normed = (stream[c] - mean) * rstd;
      if (a.stream) a.stream[at + c] = stream[c];
      a.y[at + c] = static_cast<float>(normed * (a.gain ? a.gain[c] : 1.0F) + (a.bias ? a.bias[c] : 0.0F));
    }
    if (kCentred && a.mean) a.mean[row] = static_cast<float>(mean);
    if (a.rstd) a.rstd[row] = static_cast<float>(rstd);
  }
}

template <bool kCentred>
void backward_reference(const NormBackward& a, int64_t begin, int64_t end, float* sums) {
  const int64_t channels = a.channels;
  std::vector<double> totals(3 * channels);
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * channels;
    const double mean = kCentred ? a.mean[row] : 0.0F;
    const double rstd = a.rstd[row];
    const auto xhat = [&](int64_t c) { return (a.stream[at + c] - mean) * rstd; };
    const auto g = [&](int64_t c) { return static_cast<double>(a.dy[at + c]) * (a.gain ? a.gain[c] : 1.0F); };
    double mean_g = 0;
    double mean_gx = 0;
    for (int64_t c = 0; c < channels; ++c) {
      mean_g += kCentred ? g(c) / static_cast<double>(channels) : 0.0;
      mean_gx += g(c) * xhat(c) / static_cast<double>(channels);
    }
    for (int64_t c = 0; c < channels; ++c) {
      const double dy = a.dy[at + c];
      totals[c] += dy * xhat(c);
      totals[channels + c] += dy;
      const double dstream = rstd * (g(c) - mean_g - xhat(c) * mean_gx) + (a.dstream_in ? a.dstream_in[at + c] : 0.0F);
      totals[2 * channels + c] += dstream;
      a.dstream[at + c] = static_cast<float>(dstream);
    }
  }
  for (int64_t i = 0; i < 3 * channels; ++i) sums[i] += static_cast<float>(totals[i]);
}

constexpr std::array kLevels{&kNormReference, &kNormAvx2, &kNormAvx512};

void check(int64_t rows, int64_t channels, const char* who) {
  if (rows < 0 || channels < 1) fail(who, ": expected rows >= 0 and channels >= 1, got ", rows, " and ", channels);
}

// Enough work per thread to pay for waking it.
int64_t row_grain(int64_t channels) {
  return 1 + 8192 / channels;
}

void run_forward(const NormForward& args, void (*rows)(const NormForward&, int64_t, int64_t)) {
  parallel_for(args.rows, row_grain(args.channels), [&](int64_t begin, int64_t end, int) { rows(args, begin, end); });
}

void run_backward(const NormBackward& args, void (*rows)(const NormBackward&, int64_t, int64_t, float*)) {
  const int64_t channels = args.channels;
  ColumnSums sums(3 * channels);
  parallel_for(args.rows, row_grain(channels), [&](int64_t begin, int64_t end, int thread) {
    sums.blocks(thread, begin, end, [&](int64_t from, int64_t to, float* part) { rows(args, from, to, part); });
  });
  sums.write(0, channels, args.dgain);
  sums.write(channels, channels, args.dbias);
  sums.write(2 * channels, channels, args.ddelta_bias);
}

}  // namespace

const NormLevel kNormReference{Isa::reference, forward_reference<true>, backward_reference<true>,
                               forward_reference<false>, backward_reference<false>};

void layer_norm_forward(const NormForward& args) {
  check(args.rows, args.channels, "layer_norm");
  run_forward(args, pick_level(kLevels).layer_forward);
}
void layer_norm_backward(const NormBackward& args) {
  check(args.rows, args.channels, "layer_norm");
  run_backward(args, pick_level(kLevels).layer_backward);
}
void rms_norm_forward(const NormForward& args) {
  check(args.rows, args.channels, "rms_norm");
  run_forward(args, pick_level(kLevels).rms_forward);
}
void rms_norm_backward(const NormBackward& args) {
  check(args.rows, args.channels, "rms_norm");
  run_backward(args, pick_level(kLevels).rms_backward);
}

}  // namespace strata
