#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "strata/base/config.h"

namespace strata {

enum class ScheduleKind { constant, linear, cosine, onecycle };

inline auto enum_names(ScheduleKind) {
  return std::array{EnumName{"constant", ScheduleKind::constant}, EnumName{"linear", ScheduleKind::linear},
                    EnumName{"cosine", ScheduleKind::cosine}, EnumName{"onecycle", ScheduleKind::onecycle}};
}

/// How the learning rate moves. constant, linear, cosine: linear warm-up from lr / warmup to lr, then level, a line or
/// half a cosine down to final_fraction * lr at the last step. onecycle (Smith and Topin 2017, with cosines as in
/// PyTorch's OneCycleLR): from lr / 25 up to lr during the warm-up (0: three tenths of the run), then down to
/// final_fraction * lr.
struct ScheduleConfig {
  ScheduleKind kind = ScheduleKind::cosine;
  int64_t warmup = 0;  // steps
  double final_fraction = 0;
};

template <class Visit>
void fields(ScheduleConfig& config, Visit&& visit) {
  visit("kind", config.kind);
  visit("warmup", config.warmup, at_least(0));
  visit("final_fraction", config.final_fraction, between(0, 1));
}

/// Factor on the peak learning rate for step 0 <= step < steps.
double schedule_factor(const ScheduleConfig& config, int64_t step, int64_t steps);

}  // namespace strata
