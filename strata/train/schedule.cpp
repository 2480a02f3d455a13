#include "strata/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace strata {
namespace {

// From `start` at 0 to `end` at 1 along half a cosine.
double half_cosine(double start, double end, double progress) {
  return end + (start - end) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

double one_cycle(const ScheduleConfig& config, int64_t step, int64_t steps) {
  constexpr double kStart = 1.0 / 25;
  const double peak =
      std::max(0.0, (config.warmup > 0 ? static_cast<double>(config.warmup) : 0.3 * static_cast<double>(steps)) - 1);
  const double last = static_cast<double>(steps - 1), now = static_cast<double>(step);
  if (now <= peak && peak > 0) return half_cosine(kStart, 1, now / peak);
  return last > peak ? half_cosine(1, config.final_fraction, (now - peak) / (last - peak)) : 1;
}

}  // namespace

double schedule_factor(const ScheduleConfig& config, int64_t step, int64_t steps) {
  if (config.kind == ScheduleKind::onecycle) return one_cycle(config, step, steps);
  if (step < config.warmup) return static_cast<double>(step + 1) / static_cast<double>(config.warmup);
  const int64_t rest = steps - 1 - config.warmup;
  const double progress = rest > 0 ? static_cast<double>(step - config.warmup) / static_cast<double>(rest) : 0;
  switch (config.kind) {
    case ScheduleKind::linear:
      return 1 + (config.final_fraction - 1) * progress;
    case ScheduleKind::cosine:
      return half_cosine(1, config.final_fraction, progress);
    default:
      return 1;
  }
}

}  // namespace strata
