#pragma once

#include <cstdint>
#include <vector>

#include "strata/report/embed2d.h"

// The steps of UMAP, each on its own so that each can be checked. Sections and equations of arXiv 1802.03426v3.
namespace strata::report {

/// The nearest points of every point, itself first, by Euclidean distance (ties by index): both [rows, neighbours].
struct Neighbours {
  int64_t rows = 0;
  int neighbours = 0;
  std::vector<int32_t> index;
  std::vector<double> distance;
};
Neighbours nearest_neighbours(const Points& points, int neighbours);

/// Local scales (algorithm 3): rho, the distance to the nearest other point, and sigma, found by bisection, such that
/// sum_j exp(-max(0, d_j - rho) / sigma) = log2(neighbours) over the neighbours other than the point itself; sigma is
/// kept above 1e-3 of the mean distance. Both [rows].
struct LocalScales {
  std::vector<double> rho, sigma;
};
LocalScales local_scales(const Neighbours& neighbours);

/// One edge of the fuzzy graph.
struct FuzzyEdge {
  int32_t from = 0, to = 0;
  double weight = 0;
};

/// The symmetric fuzzy graph (algorithm 2): directed weights a = exp(-max(0, d - rho) / sigma), united as a + a' - a
/// a'. Both directions are listed, sorted by (from, to), without zero weights.
std::vector<FuzzyEdge> fuzzy_graph(const Neighbours& neighbours, const LocalScales& scales);

/// Parameters of 1 / (1 + a d^2b) fitted by least squares to the curve that is 1 up to min_dist and exp(-(d -
/// min_dist)) beyond (section 3.2), at 300 distances in [0, 3].
struct MapCurve {
  double a = 0, b = 0;
};
MapCurve fit_map_curve(double min_dist);

/// Stochastic gradient descent on the fuzzy set cross entropy (section 3.2, algorithm 5): edges are drawn in proportion
/// to their weight, five negative samples each, step length falling from 1 to 0. Moves xy [rows, 2].
void optimise_layout(std::vector<float>& xy, const std::vector<FuzzyEdge>& graph, const MapCurve& curve, int epochs,
                     uint64_t seed);

}  // namespace strata::report
