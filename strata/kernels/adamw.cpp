#include "strata/kernels/adamw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "strata/base/threads.h"

namespace strata {
namespace {

void update_reference(const AdamwTensor& t, const AdamwFactors& f, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const double g = static_cast<double>(t.grad[i]) * f.grad_scale;
    const double m = t.first[i] + (g - t.first[i]) * f.gain1;
    const double v = static_cast<double>(t.second[i]) * f.beta2 + g * g * f.gain2;
    const double p =
        static_cast<double>(t.param[i]) * f.keep - f.step_size * (m / (std::sqrt(v) * f.inverse_root + f.eps));
    t.first[i] = static_cast<float>(m);
    t.second[i] = static_cast<float>(v);
    t.param[i] = static_cast<float>(p);
    if (t.average) t.average[i] += static_cast<float>((p - t.average[i]) * f.average_gain);
  }
}

double sum_of_squares_reference(const float* x, int64_t count) {
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += static_cast<double>(x[i]) * x[i];
  return total;
}

constexpr std::array kLevels{&kAdamwReference, &kAdamwAvx2, &kAdamwAvx512};

constexpr int64_t kChunk = 16384;
struct Chunk {
  size_t tensor;
  int64_t begin, end;
};
template <class Tensors>
std::vector<Chunk> chunks_of(const Tensors& tensors, const char* who) {
  std::vector<Chunk> chunks;
  for (size_t t = 0; t < tensors.size(); ++t) {
    if (tensors[t].count < 0) fail(who, ": expected counts >= 0, got ", tensors[t].count, " in tensor ", t);
    for (int64_t begin = 0; begin < tensors[t].count; begin += kChunk)
      chunks.push_back({t, begin, std::min(begin + kChunk, tensors[t].count)});
  }
  return chunks;
}

AdamwFactors factors_of(const AdamwTensor& tensor, const AdamwOptions& o) {
  const auto step = static_cast<double>(tensor.step);
  return {.grad_scale = static_cast<float>(o.grad_scale),
          .keep = static_cast<float>(1 - o.learning_rate * tensor.weight_decay),
          .gain1 = static_cast<float>(1 - o.beta1),
          .beta2 = static_cast<float>(o.beta2),
          .gain2 = static_cast<float>(1 - o.beta2),
          .step_size = static_cast<float>(o.learning_rate / (1 - std::pow(o.beta1, step))),
          .inverse_root = static_cast<float>(1 / std::sqrt(1 - std::pow(o.beta2, step))),
          .eps = static_cast<float>(o.eps),
          .average_gain = static_cast<float>(1 - o.average_decay)};
}

}  // namespace

const AdamwLevel kAdamwReference{Isa::reference, update_reference, sum_of_squares_reference};

void adamw(std::span<const AdamwTensor> tensors, const AdamwOptions& options) {
  std::vector<AdamwFactors> factors;
  for (const auto& tensor : tensors) {
    if (tensor.step < 1) fail("adamw: expected steps counted from 1, got ", tensor.step);
    factors.push_back(factors_of(tensor, options));
  }
  const auto chunks = chunks_of(tensors, "adamw");
  const auto update = pick_level(kLevels).update;
  parallel_for(static_cast<int64_t>(chunks.size()), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i)
      update(tensors[chunks[i].tensor], factors[chunks[i].tensor], chunks[i].begin, chunks[i].end);
  });
}

double l2_norm_squared(std::span<const FloatSpan> tensors) {
  const auto chunks = chunks_of(tensors, "l2_norm_squared");
  std::vector<double> sums(chunks.size());
  const auto sum_of_squares = pick_level(kLevels).sum_of_squares;
  parallel_for(static_cast<int64_t>(chunks.size()), 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i)
      sums[i] = sum_of_squares(tensors[chunks[i].tensor].data + chunks[i].begin, chunks[i].end - chunks[i].begin);
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace strata
