#include "strata/train/schedule.h"

#include <gtest/gtest.h>

#include "strata/models/tensor_file.h"

namespace strata {
namespace {

TEST(Schedule, OneCycleIsPyTorchs) {
  const Tensor golden = load_tensors("tests/golden/adamw.safetensors").at("onecycle");
  const ScheduleConfig config{.kind = ScheduleKind::onecycle, .final_fraction = 1.0 / 25 / 1e4};  // its default end
  for (int64_t step = 0; step < 50; ++step)
    EXPECT_NEAR(schedule_factor(config, step, 50), golden[step].item<double>(), 1e-12) << step;
}

TEST(Schedule, WarmUpThenDown) {
  const ScheduleConfig line{.kind = ScheduleKind::linear, .warmup = 4, .final_fraction = 0.5};
  EXPECT_DOUBLE_EQ(schedule_factor(line, 0, 15), 0.25);
  EXPECT_DOUBLE_EQ(schedule_factor(line, 3, 15), 1);
  EXPECT_DOUBLE_EQ(schedule_factor(line, 4, 15), 1);
  EXPECT_DOUBLE_EQ(schedule_factor(line, 9, 15), 0.75);
  EXPECT_DOUBLE_EQ(schedule_factor(line, 14, 15), 0.5);
  const ScheduleConfig cosine{.kind = ScheduleKind::cosine};
  EXPECT_DOUBLE_EQ(schedule_factor(cosine, 0, 11), 1);
  EXPECT_DOUBLE_EQ(schedule_factor(cosine, 5, 11), 0.5);
  EXPECT_NEAR(schedule_factor(cosine, 10, 11), 0, 1e-15);
  EXPECT_DOUBLE_EQ(schedule_factor({.kind = ScheduleKind::constant}, 7, 11), 1);
}

TEST(Schedule, ShortRunsHaveFiniteFactors) {
  for (const auto kind : {ScheduleKind::constant, ScheduleKind::linear, ScheduleKind::cosine, ScheduleKind::onecycle})
    for (int64_t steps = 1; steps < 5; ++steps)
      for (int64_t step = 0; step < steps; ++step) {
        const double factor = schedule_factor({.kind = kind}, step, steps);
        EXPECT_TRUE(factor >= 0 && factor <= 1) << step << " of " << steps;
      }
}

}  // namespace
}  // namespace strata
