#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "strata/base/random.h"

namespace strata {

using at::Tensor;

// Ways to make one tensor of several of one shape. Sums are taken in float64, the result has the type of the inputs. All
// throw Error for shapes that differ, for lists of different lengths and for empty ones.

/// Soup (Wortsman et al. 2022): sum_i w_i v_i, divided by sum_i w_i with `normalize`. Equal tensors give that tensor bit
/// for bit when the weights are normalised or add up to exactly 1. Throws Error when they add up to 0 and are to be
/// normalised.
Tensor soup(const std::vector<Tensor>& values, const std::vector<double>& weights, bool normalize = true);

/// Spherical interpolation (Shoemake 1985) of the tensors as vectors: sin((1 - t) a) / sin a * first + sin(t a) / sin a *
/// second, a the angle between them; straight where |cos a| > 0.9995. A tensor of zeros has no direction and counts as orthogonal. t 0 gives the first and
/// t 1 the second, bit for bit.
Tensor slerp(const Tensor& first, const Tensor& second, double t);

/// How differences from a base are put together.
struct TaskSum {
  double lambda = 1;       // of the sum of differences
  bool normalize = false;  // divide by the sum of the weights that count, unless that is 0
};

/// Task arithmetic (Ilharco et al. 2023): base + lambda sum_i w_i (v_i - base) [/ sum_i w_i]. One tensor that counts with
/// exactly 1 among others that count with 0 comes back bit for bit.
Tensor task_arithmetic(const Tensor& base, const std::vector<Tensor>& values, const std::vector<double>& weights,
                       const TaskSum& sum = {});

/// The same from differences: base + lambda sum_i w_i d_i [/ sum_i w_i].
Tensor difference_sum(const Tensor& base, const std::vector<Tensor>& differences, const std::vector<double>& weights,
                      const TaskSum& sum = {});

/// TIES, first step (Yadav et al. 2023): the floor(density n) numbers of greatest magnitude (of equals the first), at
/// least one; zero elsewhere. With `rescale` what stays is made as large as the whole was, by the sum of magnitudes.
/// Throws Error for a density outside 0 .. 1.
Tensor trim(const Tensor& difference, double density, bool rescale = false);

/// TIES, second and third step: for each number the sign of sum_i w_i d_i is elected (+ when it is 0) and the differences
/// of that sign are added up, base + lambda sum w_i d_i [/ sum of their w_i].
Tensor disjoint_sum(const Tensor& base, const std::vector<Tensor>& differences, const std::vector<double>& weights,
                    const TaskSum& sum);

/// DARE (Yu et al. 2024): every number stays with probability `density`, divided by it with `rescale`, and becomes zero
/// otherwise. A pure function of the stream's name. Throws Error for a density outside 0 .. 1, 0 excluded.
Tensor drop_and_rescale(const Tensor& difference, double density, Random random, bool rescale = true);

}  // namespace strata
