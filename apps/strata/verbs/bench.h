#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/strata/options.h"

namespace strata::cli {

/// What one of the compared took, turn by turn.
struct Series {
  std::string name;
  std::vector<double> milliseconds;
};

/// One measurement: ours first, then what it is compared with. The n-th figures of all series are from the same turn.
struct Comparison {
  std::string what;
  std::vector<Series> series;
  std::vector<std::string> notes;
};

double median_of(std::vector<double> values);

/// How many times as long as the first series another one takes: the median over turns of the ratio within a turn, since
/// a turn's series see the same minute of the machine. Where turns are missing, the ratio of medians.
double times_ours(const Comparison& comparison, const Series& series);

double milliseconds_of(const std::function<void()>& work);

/// Training steps and forward passes of vision transformers and language models, against PyTorch.
Comparison bench_vision_step(const Common& common, const Bench& options, bool large, bool forward);
Comparison bench_language_step(const Common& common, const Bench& options, int64_t batch);

/// Many routes with and without shared beginnings.
std::vector<Comparison> bench_tries(const Bench& options);

}  // namespace strata::cli
