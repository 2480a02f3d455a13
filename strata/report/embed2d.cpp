#include "strata/report/embed2d.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "strata/base/error.h"

namespace strata::report {
namespace {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Squared distances from one point to all others; what trustworthiness ranks by.
template <class Value>
std::vector<double> squared_distances(const Value* values, int64_t rows, int64_t columns, int64_t from) {
  std::vector<double> out(rows, 0.0);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t c = 0; c < columns; ++c) {
      const double difference = double{values[row * columns + c]} - double{values[from * columns + c]};
      out[row] += difference * difference;
    }
  }
  return out;
}

}  // namespace

void validate(const Points& points) {
  if (points.rows < 1 || points.columns < 1 || points.rows > INT32_MAX || points.columns > INT32_MAX ||
      static_cast<uint64_t>(points.rows) * static_cast<uint64_t>(points.columns) != points.values.size())
    fail("map: expected at least one row and one column and rows x columns values, found ", points.rows, " x ",
         points.columns, " and ", points.values.size(), " values");
  for (size_t i = 0; i < points.values.size(); ++i) {
    if (!std::isfinite(points.values[i]))
      fail("map: expected finite values, found ", points.values[i], " in row ", i / points.columns, ", column ",
           i % points.columns, "; leave such rows out");
  }
}

PcaMap pca2(const Points& points) {
  validate(points);
  RowMatrix centred = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
                          points.values.data(), points.rows, points.columns)
                          .cast<double>();
  centred.rowwise() -= centred.colwise().mean().eval();

  // The smaller of covariance and Gram matrix has the same nonzero spectrum; from u of the Gram matrix, a component is
  // sqrt(l) u.
  const bool gram = points.rows < points.columns;
  const Eigen::MatrixXd square =
      gram ? Eigen::MatrixXd(centred * centred.transpose()) : Eigen::MatrixXd(centred.transpose() * centred);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(square);
  const double total = square.trace();
  PcaMap map;
  map.xy.assign(points.rows * 2, 0.0F);
  for (int axis = 0; axis < 2 && axis < square.rows(); ++axis) {
    const double variance = solver.eigenvalues()[square.rows() - 1 - axis];
    if (!(variance > 1e-12 * total)) continue;
    Eigen::VectorXd direction = solver.eigenvectors().col(square.rows() - 1 - axis);
    if (gram) direction = centred.transpose() * direction / std::sqrt(variance);
    Eigen::Index largest = 0;
    direction.cwiseAbs().maxCoeff(&largest);
    if (direction[largest] < 0) direction = -direction;
    const Eigen::VectorXd component = centred * direction;
    for (int64_t row = 0; row < points.rows; ++row) map.xy[row * 2 + axis] = static_cast<float>(component[row]);
    map.explained[axis] = variance / total;
  }
  return map;
}

double trustworthiness(const Points& points, std::span<const float> xy, int neighbours) {
  validate(points);
  const int64_t n = points.rows, k = neighbours;
  if (k < 1 || 2 * k >= n || static_cast<int64_t>(xy.size()) != 2 * n)
    fail("trustworthiness: expected a map of ", n, " points and 1 to ", (n - 1) / 2, " neighbours, found ",
         xy.size() / 2, " points and ", k, " neighbours");
  double penalty = 0;
  std::vector<int64_t> order(n), rank(n);
  for (int64_t i = 0; i < n; ++i) {
    const auto by = [&](const std::vector<double>& distance) {
      std::iota(order.begin(), order.end(), 0);
      std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        if ((a == i) != (b == i)) return a == i;  // the point itself first, before its duplicates
        return distance[a] < distance[b] || (distance[a] == distance[b] && a < b);
      });
    };
    by(squared_distances(points.values.data(), n, points.columns, i));
    for (int64_t place = 0; place < n; ++place) rank[order[place]] = place;
    by(squared_distances(xy.data(), n, 2, i));
    for (int64_t place = 1; place <= k; ++place)
      penalty += static_cast<double>(std::max<int64_t>(0, rank[order[place]] - k));
  }
  return 1 - 2 * penalty / (static_cast<double>(n) * k * (2.0 * n - 3.0 * k - 1));
}

}  // namespace strata::report
