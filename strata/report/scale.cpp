#include "strata/report/scale.h"

#include <algorithm>
#include <cmath>

#include "strata/report/text.h"

namespace strata::report {

Ticks nice_ticks(double low, double high, int wanted, bool outward, bool integers) {
  if (low > high) std::swap(low, high);
  const double magnitude = std::max(std::abs(low), std::abs(high));
  if (high - low <= 1e-9 * magnitude || magnitude < 1e-290) {  // one value, or noise around it: show it in the middle
    const double margin = magnitude < 1e-290 ? 1 : 0.1 * magnitude;
    low -= margin;
    high += margin;
  }
  const double rough = (high - low) / std::max(wanted, 1);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= rough * 0.999 && !(integers && factor == 2.5 && power <= 1)) {
      step = factor * power;
      break;
    }
  }
  if (integers) step = std::max(step, 1.0);

  Ticks ticks;
  ticks.step = step;
  const double first = outward ? std::floor(low / step + 1e-9) : std::ceil(low / step - 1e-9);
  const double last = outward ? std::ceil(high / step - 1e-9) : std::floor(high / step + 1e-9);
  ticks.low = outward ? first * step : low;
  ticks.high = outward ? last * step : high;
  for (double index = first; index <= last; ++index) ticks.at.push_back(index * step);
  // 2.5 times a power needs one digit more than the power itself.
  const int exponent = static_cast<int>(std::floor(std::log10(step) + 1e-9));
  const double mantissa = step / std::pow(10.0, exponent);
  ticks.decimals = std::max(0, -exponent + (std::abs(mantissa - 2.5) < 1e-6 ? 1 : 0));
  ticks.scientific = magnitude >= 1e7 || ticks.decimals > 5;
  return ticks;
}

std::string format_tick(const Ticks& ticks, double value) {
  if (!ticks.scientific) return format_fixed(value, ticks.decimals);
  if (std::abs(value) < 1e-6 * ticks.step) return "0";
  const int digits = static_cast<int>(std::floor(std::log10(std::abs(value)) - std::log10(ticks.step))) + 2;
  return format_short(value, std::clamp(digits, 1, 8));
}

}  // namespace strata::report
