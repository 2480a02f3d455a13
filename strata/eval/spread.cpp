#include "strata/eval/spread.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "strata/base/error.h"

namespace strata {
namespace {

// Halves [low, high] until `rises(x)`, which goes from below to above `wanted`, is met to the last bit.
template <class Function>
double solve(double low, double high, double wanted, Function&& rises) {
  for (int i = 0; i < 100; ++i) {
    const double middle = low + (high - low) / 2;
    (rises(middle) < wanted ? low : high) = middle;
  }
  return high;
}

void check_confidence(double confidence) {
  if (!(confidence > 0 && confidence < 1))
    fail_usage("confidence: expected a number between 0 and 1, got ", confidence);
}

// P(|T| < sqrt(degrees) tan(angle)): finite sums for whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and
// 26.7.4).
double student_share(double angle, int64_t degrees) {
  const double sine = std::sin(angle), cosine = std::cos(angle);
  const bool odd = degrees % 2 == 1;
  double term = odd ? cosine : 1, sum = 0;
  for (int64_t k = odd ? 1 : 0; k <= degrees - 2; k += 2) {
    sum += term;
    term *= cosine * cosine * static_cast<double>(k + 1) / static_cast<double>(k + 2);
  }
  return odd ? 2 / std::numbers::pi * (angle + sine * sum) : sine * sum;
}

}  // namespace

double student_t(double confidence, int64_t degrees) {
  check_confidence(confidence);
  if (degrees < 1) fail("Student's t: expected at least 1 degree of freedom, got ", degrees);
  const double angle =
      solve(0, std::numbers::pi / 2, confidence, [&](double at) { return student_share(at, degrees); });
  return std::sqrt(static_cast<double>(degrees)) * std::tan(angle);
}

double normal_z(double confidence) {
  check_confidence(confidence);
  return solve(0, 40, confidence, [](double at) { return std::erf(at / std::numbers::sqrt2); });
}

Interval wilson(double share, int64_t samples, double confidence) {
  if (samples < 1) fail("interval of a proportion: expected at least 1 sample, got ", samples);
  const double z = normal_z(confidence), n = static_cast<double>(samples);
  const double centre = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double reach = z / (1 + z * z / n) * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {std::max(0.0, centre - reach), std::min(1.0, centre + reach)};
}

MeanAndSd mean_and_sd(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  // Around the first value, so that equal values have no spread at all.
  double shift = 0, squares = 0;
  for (const double value : values) shift += value - values[0];
  const double mean = values[0] + shift / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, values.size() > 1 ? std::sqrt(squares / (n - 1)) : 0};
}

Spread spread_of(const std::vector<double>& values, double population, double confidence) {
  check_confidence(confidence);
  if (values.empty()) fail("spread: expected at least one value, got none");
  const auto n = static_cast<double>(values.size());
  const auto [mean, sd] = mean_and_sd(values);
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  Spread spread{
      .routes = std::ssize(values), .population = population, .mean = mean, .sd = sd, .least = *least, .most = *most};
  double reach = 0;
  if (n < population)
    reach = values.size() > 1
                ? student_t(confidence, spread.routes - 1) * spread.sd * std::sqrt((1 - n / population) / n)
                : std::numeric_limits<double>::quiet_NaN();
  spread.low = std::isnan(reach) ? reach : std::max(0.0, spread.mean - reach);
  spread.high = std::isnan(reach) ? reach : std::min(1.0, spread.mean + reach);
  return spread;
}

}  // namespace strata
