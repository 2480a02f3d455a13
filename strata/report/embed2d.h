#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace strata::report {

/// Points to be laid out in the plane: values [rows, columns], row-major, all finite.
struct Points {
  std::span<const float> values;
  int64_t rows = 0;
  int64_t columns = 0;
};

/// The two principal components.
struct PcaMap {
  std::vector<float> xy;              // [rows, 2]
  std::array<double, 2> explained{};  // share of the total variance along each
};

/// Projects the points on the two directions of largest variance. The sign of a direction makes its largest loading
/// positive; a direction without variance gives zeros. Throws Error when sizes disagree, a value is not finite, or
/// there are no rows.
PcaMap pca2(const Points& points);

struct UmapOptions {
  int neighbours = 15;    // the point itself counted; at most the number of rows is used
  double min_dist = 0.1;  // how closely points may pack in the map
  int epochs = 0;         // 0: 500
  uint64_t seed = 0;
};

/// UMAP, a map that keeps neighbourhoods (McInnes, Healy and Melville 2018, arXiv 1802.03426): exact neighbours, fuzzy
/// graph, start from the principal components, stochastic descent with negative samples. The same points and options
/// give the same map, whatever the number of threads. Meant for up to a few thousand rows (the neighbour search is
/// quadratic). Returns [rows, 2]. Throws as pca2 does, and when the options make no sense.
std::vector<float> umap2(const Points& points, const UmapOptions& options = {});

/// How far a map can be trusted (Venna and Kaski 2001), 0 to 1: 1 when every map neighbour, `neighbours` per point, is
/// also a near neighbour of the data; neighbours that were far count by their rank. Needs neighbours < rows / 2.
double trustworthiness(const Points& points, std::span<const float> xy, int neighbours = 15);

/// Throws Error unless the sizes agree, there is at least one row and one column, and every value is finite.
void validate(const Points& points);

}  // namespace strata::report
