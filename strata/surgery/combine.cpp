#include "strata/surgery/combine.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "strata/base/error.h"

namespace strata {
namespace {

constexpr double kNoWeight = 1e-8;    // a sum of weights that nothing is divided by
constexpr double kParallel = 0.9995;  // cosine beyond which the arc is a line

Tensor wide(const Tensor& value) {
  return value.to(at::kDouble);
}

void check(const char* who, const Tensor& first, const std::vector<Tensor>& values,
           const std::vector<double>& weights) {
  if (values.empty() || values.size() != weights.size())
    fail(who, ": expected a weight for each of at least one tensor, got ", values.size(), " tensors and ",
         weights.size(), " weights");
  for (const Tensor& value : values)
    if (value.sizes() != first.sizes())
      fail(who, ": expected tensors of one shape, got ", first.sizes(), " and ", value.sizes());
}

double sum_of(const char* who, const std::vector<double>& weights, bool normalize) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  if (normalize && std::abs(sum) < kNoWeight)
    fail(who, ": the weights add up to 0 and cannot be normalised; set normalize to false, or other weights");
  return sum;
}

// Differences are divided by the sum of their weights, but where that is 0 by nothing.
double divisor_of(const std::vector<double>& weights, bool normalize) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  return normalize && std::abs(sum) >= kNoWeight ? sum : 1;
}

}  // namespace

Tensor soup(const std::vector<Tensor>& values, const std::vector<double>& weights, bool normalize) {
  check("soup", values.empty() ? Tensor() : values.front(), values, weights);
  const double sum = sum_of("soup", weights, normalize);
  // sum_i c_i v_i = (sum_i c_i) v_k + sum_i c_i (v_i - v_k): equal tensors lose nothing to rounding. k is the one that
  // counts most, so that the others may count for nothing.
  const auto most = std::max_element(weights.begin(), weights.end()) - weights.begin();
  const Tensor anchor = wide(values[most]);
  Tensor total = normalize || sum == 1 ? anchor.clone() : anchor * sum;
  for (size_t i = 0; i < values.size(); ++i)
    if (static_cast<std::ptrdiff_t>(i) != most && weights[i] != 0)
      total += (wide(values[i]) - anchor) * (normalize ? weights[i] / sum : weights[i]);
  return total.to(values.front().scalar_type());
}

Tensor slerp(const Tensor& first, const Tensor& second, double t) {
  check("slerp", first, {first, second}, {1 - t, t});
  const Tensor a = wide(first), b = wide(second);
  const double lengths = a.norm().item<double>() * b.norm().item<double>();
  const double cosine = lengths > 0 ? std::clamp((a * b).sum().item<double>() / lengths, -1.0, 1.0) : 0.0;
  if (std::abs(cosine) > kParallel) {
    // From the nearer end, so that both ends come out bit for bit.
    return (t < 0.5 ? a + (b - a) * t : b + (a - b) * (1 - t)).to(first.scalar_type());
  }
  const double angle = std::acos(cosine);
  return (a * (std::sin((1 - t) * angle) / std::sin(angle)) + b * (std::sin(t * angle) / std::sin(angle)))
      .to(first.scalar_type());
}

Tensor task_arithmetic(const Tensor& base, const std::vector<Tensor>& values, const std::vector<double>& weights,
                       const TaskSum& sum) {
  check("task arithmetic", base, values, weights);
  const double divisor = divisor_of(weights, sum.normalize);
  const Tensor start = wide(base);
  std::vector<double> factors;
  factors.reserve(weights.size());
  for (const double weight : weights) factors.push_back(sum.lambda * weight / divisor);
  // base + (v - base) rounds; v does not.
  const auto whole = std::find(factors.begin(), factors.end(), 1.0) - factors.begin();
  Tensor total = whole < std::ssize(values) ? wide(values[whole]).clone() : start.clone();
  for (size_t i = 0; i < values.size(); ++i)
    if (static_cast<std::ptrdiff_t>(i) != whole && factors[i] != 0) total += (wide(values[i]) - start) * factors[i];
  return total.to(base.scalar_type());
}

Tensor difference_sum(const Tensor& base, const std::vector<Tensor>& differences, const std::vector<double>& weights,
                      const TaskSum& sum) {
  check("task arithmetic", base, differences, weights);
  const double divisor = divisor_of(weights, sum.normalize);
  Tensor total = wide(base).clone();
  for (size_t i = 0; i < differences.size(); ++i) total += wide(differences[i]) * (sum.lambda * weights[i] / divisor);
  return total.to(base.scalar_type());
}

Tensor trim(const Tensor& difference, double density, bool rescale) {
  if (!(density >= 0 && density <= 1)) fail("ties: expected a density from 0 to 1, got ", density);
  const int64_t count = difference.numel();
  if (density == 1 || count == 0) return difference;
  const int64_t kept = std::max<int64_t>(1, static_cast<int64_t>(density * static_cast<double>(count)));
  const Tensor flat = difference.flatten();
  const Tensor order = std::get<1>(flat.abs().sort(/*stable=*/true, /*dim=*/0, /*descending=*/true)).slice(0, 0, kept);
  const Tensor kept_numbers = at::zeros_like(flat).index_put_({order}, flat.index({order})).view(difference.sizes());
  const double before = wide(difference).abs().sum().item<double>(),
               after = wide(kept_numbers).abs().sum().item<double>();
  return rescale && after > 0 ? (wide(kept_numbers) * (before / after)).to(difference.scalar_type()) : kept_numbers;
}

Tensor disjoint_sum(const Tensor& base, const std::vector<Tensor>& differences, const std::vector<double>& weights,
                    const TaskSum& sum) {
  check("ties", base, differences, weights);
  std::vector<Tensor> weighted;
  weighted.reserve(differences.size());
  for (size_t i = 0; i < differences.size(); ++i) weighted.push_back(wide(differences[i]) * weights[i]);
  const Tensor positive = at::stack(weighted).sum(0) >= 0;
  Tensor total = at::zeros_like(weighted.front()), divisor = at::zeros_like(total);
  for (size_t i = 0; i < weighted.size(); ++i) {
    const Tensor agrees = at::where(positive, weighted[i] > 0, weighted[i] < 0);
    total += weighted[i] * agrees;
    divisor += agrees * weights[i];
  }
  if (sum.normalize) total = total / divisor.masked_fill(divisor == 0, 1);
  return (wide(base) + total * sum.lambda).to(base.scalar_type());
}

Tensor drop_and_rescale(const Tensor& difference, double density, Random random, bool rescale) {
  if (!(density > 0 && density <= 1)) fail("dare: expected a density above 0, up to 1, got ", density);
  if (density == 1) return difference;
  const Tensor keep = at::empty(difference.sizes(), at::kDouble);
  auto* numbers = keep.mutable_data_ptr<double>();
  const double kept = rescale ? 1 / density : 1;
  for (int64_t i = 0; i < keep.numel(); ++i) numbers[i] = random.uniform() < density ? kept : 0;
  return (wide(difference) * keep).to(difference.scalar_type());
}

}  // namespace strata
