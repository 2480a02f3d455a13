#pragma once

#include <cstdint>
#include <vector>

namespace strata {

struct Interval {
  double low = 0, high = 0;
};

/// t such that |T| < t with probability `confidence`, for Student's T with so many degrees of freedom (at least 1).
double student_t(double confidence, int64_t degrees);

/// z such that |Z| < z with probability `confidence`, for standard normal Z.
double normal_z(double confidence);

/// Confidence interval of a proportion, 0 .. 1, measured on `samples` independent samples (Wilson 1927).
Interval wilson(double share, int64_t samples, double confidence);

/// The standard deviation is that of a sample, 0 for fewer than two values.
struct MeanAndSd {
  double mean = 0, sd = 0;
};
MeanAndSd mean_and_sd(const std::vector<double>& values);

/// A number measured along several routes, all on the same images.
struct Spread {
  int64_t routes = 0;
  double population = 0;     // how many different routes there were to draw from, without replacement
  double mean = 0, sd = 0;   // sd of the sample; 0 for one route
  double low = 0, high = 0;  // confidence interval of the mean over the population; no number for one route of several
  double least = 0, most = 0;

  double half_width() const { return (high - low) / 2; }
};

/// Mean and spread of values in 0 .. 1, drawn without replacement from a population: mean +- t sd / sqrt(n) sqrt(1 -
/// n / N), so that the interval closes when every route was measured. Throws Error without values.
Spread spread_of(const std::vector<double>& values, double population, double confidence);

}  // namespace strata
