#include "strata/report/umap.h"

#include <Eigen/Core>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "strata/base/error.h"
#include "strata/base/random.h"
#include "strata/base/threads.h"

namespace strata::report {

Neighbours nearest_neighbours(const Points& points, int neighbours) {
  validate(points);
  if (neighbours < 1 || neighbours > points.rows)
    fail("nearest neighbours: expected 1 to ", points.rows, " of them, found ", neighbours);
  const int64_t n = points.rows, k = neighbours;
  Neighbours out{n, neighbours, std::vector<int32_t>(n * k), std::vector<double>(n * k)};
  const Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> values(
      points.values.data(), n, points.columns);
  // Differences, not |x|^2 + |y|^2 - 2 x y: that loses the digits of near duplicates.
  parallel_for(n, 16, [&](int64_t begin, int64_t end, int) {
    std::vector<double> squared(n);
    std::vector<int32_t> order(n);
    for (int64_t i = begin; i < end; ++i) {
      const Eigen::RowVectorXd self = values.row(i).cast<double>();
      for (int64_t j = 0; j < n; ++j) squared[j] = (values.row(j).cast<double>() - self).squaredNorm();
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int32_t a, int32_t b) {
        if ((a == i) != (b == i)) return a == i;
        return squared[a] < squared[b] || (squared[a] == squared[b] && a < b);
      });
      for (int64_t j = 0; j < k; ++j) {
        out.index[i * k + j] = order[j];
        out.distance[i * k + j] = std::sqrt(squared[order[j]]);
      }
    }
  });
  return out;
}

LocalScales local_scales(const Neighbours& neighbours) {
  constexpr int steps = 64;
  constexpr double tolerance = 1e-5, smallest_share = 1e-3;
  const int64_t n = neighbours.rows, k = neighbours.neighbours;
  const double target = std::log2(static_cast<double>(k));
  const double overall =
      std::accumulate(neighbours.distance.begin(), neighbours.distance.end(), 0.0) / static_cast<double>(n * k);
  LocalScales scales{std::vector<double>(n, 0.0), std::vector<double>(n, 0.0)};
  for (int64_t i = 0; i < n; ++i) {
    const double* distance = neighbours.distance.data() + i * k;
    double& rho = scales.rho[i];
    if (const double* nearest = std::find_if(distance, distance + k, [](double d) { return d > 0; });
        nearest != distance + k)
      rho = *nearest;
    double low = 0, high = INFINITY, sigma = 1;
    for (int step = 0; step < steps; ++step) {
      double sum = 0;
      for (int64_t j = 1; j < k; ++j) sum += std::exp(-std::max(0.0, distance[j] - rho) / sigma);
      if (std::abs(sum - target) < tolerance) break;
      (sum > target ? high : low) = sigma;
      sigma = std::isinf(high) ? 2 * sigma : (low + high) / 2;
    }
    // Without a positive distance (duplicates only) there is no local mean; the overall one stands in.
    const double mean = rho > 0 ? std::accumulate(distance, distance + k, 0.0) / static_cast<double>(k) : overall;
    scales.sigma[i] = std::max(sigma, smallest_share * mean);
  }
  return scales;
}

std::vector<FuzzyEdge> fuzzy_graph(const Neighbours& neighbours, const LocalScales& scales) {
  const int64_t n = neighbours.rows, k = neighbours.neighbours;
  struct Half {
    int32_t from, to;
    double out, in;  // weight of from -> to, and of to -> from
  };
  std::vector<Half> halves;
  halves.reserve(2 * n * k);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < k; ++j) {
      const int32_t to = neighbours.index[i * k + j];
      if (to == i) continue;
      const double beyond = neighbours.distance[i * k + j] - scales.rho[i];
      const double weight = beyond <= 0 || scales.sigma[i] == 0 ? 1 : std::exp(-beyond / scales.sigma[i]);
      halves.push_back({static_cast<int32_t>(i), to, weight, 0});
      halves.push_back({to, static_cast<int32_t>(i), 0, weight});
    }
  }
  std::sort(halves.begin(), halves.end(),
            [](const Half& a, const Half& b) { return a.from != b.from ? a.from < b.from : a.to < b.to; });
  std::vector<FuzzyEdge> graph;
  for (size_t at = 0; at < halves.size();) {
    double out = 0, in = 0;
    const Half first = halves[at];
    for (; at < halves.size() && halves[at].from == first.from && halves[at].to == first.to; ++at) {
      out += halves[at].out;
      in += halves[at].in;
    }
    if (const double weight = out + in - out * in; weight > 0) graph.push_back({first.from, first.to, weight});
  }
  return graph;
}

MapCurve fit_map_curve(double min_dist) {
  if (!(min_dist >= 0 && min_dist < 3)) fail("umap: expected min_dist in [0, 3), found ", min_dist);
  constexpr int samples = 300, steps = 200;
  // Levenberg-Marquardt on two parameters.
  const auto residuals = [&](const MapCurve& curve, Eigen::Matrix2d* normal, Eigen::Vector2d* gradient) {
    double sum = 0;
    if (normal != nullptr) normal->setZero(), gradient->setZero();
    for (int i = 0; i < samples; ++i) {
      const double d = 3.0 * i / (samples - 1), wanted = d < min_dist ? 1 : std::exp(-(d - min_dist));
      const double power = d > 0 ? std::pow(d, 2 * curve.b) : 0, value = 1 / (1 + curve.a * power),
                   residual = value - wanted;
      sum += residual * residual;
      if (normal == nullptr) continue;
      const double slope = -value * value * power;
      const Eigen::Vector2d jacobian(slope, d > 0 ? slope * curve.a * 2 * std::log(d) : 0);
      *normal += jacobian * jacobian.transpose();
      *gradient += jacobian * residual;
    }
    return sum;
  };
  MapCurve curve{1, 1};
  double damping = 1e-3;
  for (int step = 0; step < steps; ++step) {
    Eigen::Matrix2d normal;
    Eigen::Vector2d gradient;
    const double before = residuals(curve, &normal, &gradient);
    Eigen::Matrix2d damped = normal;
    damped.diagonal() *= 1 + damping;
    const Eigen::Vector2d move = damped.inverse() * gradient;
    const MapCurve next{curve.a - move[0], curve.b - move[1]};
    if (next.a > 0 && next.b > 0 && residuals(next, nullptr, nullptr) <= before) {
      curve = next;
      damping = std::max(damping / 10, 1e-12);
      if (move.norm() < 1e-12) break;
    } else {
      damping *= 10;
      if (damping > 1e12) break;
    }
  }
  return curve;
}

void optimise_layout(std::vector<float>& xy, const std::vector<FuzzyEdge>& graph, const MapCurve& curve, int epochs,
                     uint64_t seed) {
  constexpr int negatives = 5;
  static constexpr double longest = 4;  // of one step's gradient, per coordinate
  const auto n = static_cast<int64_t>(xy.size() / 2);
  double heaviest = 0;
  for (const auto& edge : graph) heaviest = std::max(heaviest, edge.weight);
  struct Due {
    const FuzzyEdge* edge;
    double every, next;  // in epochs
  };
  std::vector<Due> due;
  for (const auto& edge : graph) {
    // Lighter edges would not be drawn once in all epochs.
    if (edge.weight >= heaviest / epochs) due.push_back({&edge, heaviest / edge.weight, heaviest / edge.weight});
  }
  const auto clip = [](double step) { return std::clamp(step, -longest, longest); };
  // One thread: every step reads what the last one wrote, which is also what makes the map a function of the seed
  // alone.
  Random random = Random(seed).fork(0x554D4150);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const double length = 1.0 - static_cast<double>(epoch) / epochs;
    for (auto& draw : due) {
      if (draw.next > epoch) continue;
      draw.next += draw.every;
      float* head = xy.data() + int64_t{2} * draw.edge->from;
      float* tail = xy.data() + int64_t{2} * draw.edge->to;
      double dx = head[0] - tail[0], dy = head[1] - tail[1], squared = dx * dx + dy * dy;
      if (squared > 0) {
        const double power = std::pow(squared, curve.b);
        const double pull = -2 * curve.a * curve.b * power / (squared * (1 + curve.a * power));
        const auto step_x = static_cast<float>(length * clip(pull * dx)),
                   step_y = static_cast<float>(length * clip(pull * dy));
        head[0] += step_x, head[1] += step_y;
        tail[0] -= step_x, tail[1] -= step_y;
      }
      for (int sample = 0; sample < negatives; ++sample) {
        const auto other = static_cast<int64_t>(random.below(static_cast<uint64_t>(n)));
        if (other == draw.edge->from) continue;
        const float* away = xy.data() + 2 * other;
        dx = head[0] - away[0], dy = head[1] - away[1], squared = dx * dx + dy * dy;
        if (squared <= 0) continue;  // no direction to push in; another sample will part them
        const double push = 2 * curve.b / ((0.001 + squared) * (1 + curve.a * std::pow(squared, curve.b)));
        head[0] += static_cast<float>(length * clip(push * dx));
        head[1] += static_cast<float>(length * clip(push * dy));
      }
    }
  }
}

std::vector<float> umap2(const Points& points, const UmapOptions& options) {
  validate(points);
  if (options.neighbours < 2) fail("umap: expected at least 2 neighbours, found ", options.neighbours);
  if (options.epochs < 0) fail("umap: expected 0 epochs (the default) or more, found ", options.epochs);
  const MapCurve curve = fit_map_curve(options.min_dist);
  const int64_t n = points.rows;
  std::vector<float> xy = pca2(points).xy;
  if (n < 3) return xy;

  // The start: principal components, noise that parts duplicates, both coordinates stretched to 0..10.
  float reach = 0;
  for (const float value : xy) reach = std::max(reach, std::abs(value));
  Random noise = Random(options.seed).fork(1);
  for (float& value : xy) value = static_cast<float>((reach > 0 ? 10 * value / reach : 0) + 1e-4 * noise.normal());
  for (int axis = 0; axis < 2; ++axis) {
    float low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < n; ++i) low = std::min(low, xy[2 * i + axis]), high = std::max(high, xy[2 * i + axis]);
    for (int64_t i = 0; i < n; ++i) xy[2 * i + axis] = high > low ? 10 * (xy[2 * i + axis] - low) / (high - low) : 0;
  }
  const Neighbours neighbours = nearest_neighbours(points, static_cast<int>(std::min<int64_t>(options.neighbours, n)));
  const auto graph = fuzzy_graph(neighbours, local_scales(neighbours));
  optimise_layout(xy, graph, curve, options.epochs > 0 ? options.epochs : 500, options.seed);
  return xy;
}

}  // namespace strata::report
