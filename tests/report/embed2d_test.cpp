#include "strata/report/embed2d.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/random.h"
#include "strata/base/threads.h"
#include "strata/report/umap.h"

namespace strata::report {
namespace {

struct Cloud {
  std::vector<float> values;
  int64_t rows, columns;
  Points points() const { return {values, rows, columns}; }
};

Cloud clusters(int64_t rows, int64_t columns, uint64_t seed) {
  Random random(seed);
  std::vector<double> centres(4 * columns);
  for (double& c : centres) c = 4 * random.normal();
  Cloud cloud{std::vector<float>(rows * columns), rows, columns};
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t c = 0; c < columns; ++c)
      cloud.values[i * columns + c] = static_cast<float>(centres[(i % 4) * columns + c] + random.normal());
  return cloud;
}

// tests/golden/embed2d.py wrote this with umap-learn 0.5.12.
const nlohmann::json& golden() {
  static const nlohmann::json json = nlohmann::json::parse(std::ifstream("tests/golden/embed2d.json"));
  return json;
}

Cloud golden_points() {
  return {golden()["points"].get<std::vector<float>>(), golden()["rows"], golden()["columns"]};
}

TEST(Pca, FindsTheDirectionsOfAnEllipse) {
  // x = 5 s u + t v with u, v orthonormal: the components are 5 s and t.
  const int64_t n = 200, d = 3;
  const double u[] = {2.0 / 3, -1.0 / 3, 2.0 / 3}, v[] = {1 / std::sqrt(5.0), 2 / std::sqrt(5.0), 0};
  Cloud cloud{std::vector<float>(n * d), n, d};
  std::vector<double> s(n), t(n);
  for (int64_t i = 0; i < n; ++i) {
    s[i] = std::cos(2 * M_PI * i / n);
    t[i] = std::sin(2 * M_PI * i / n);
    for (int64_t c = 0; c < d; ++c) cloud.values[i * d + c] = static_cast<float>(7 + 5 * s[i] * u[c] + t[i] * v[c]);
  }
  const PcaMap map = pca2(cloud.points());
  for (int64_t i = 0; i < n; ++i) {
    EXPECT_NEAR(map.xy[2 * i], 5 * s[i], 1e-4);
    EXPECT_NEAR(map.xy[2 * i + 1], t[i], 1e-4);
  }
  EXPECT_NEAR(map.explained[0], 25.0 / 26, 1e-5);
  EXPECT_NEAR(map.explained[1], 1.0 / 26, 1e-5);
}

TEST(Pca, GramAndCovarianceAgree) {
  // Fewer rows than columns goes through the Gram matrix; zero columns change nothing but the way taken.
  const Cloud narrow = clusters(12, 5, 3);
  Cloud wide{std::vector<float>(12 * 40, 0.0F), 12, 40};
  for (int64_t i = 0; i < 12; ++i)
    for (int64_t c = 0; c < 5; ++c) wide.values[i * 40 + c] = narrow.values[i * 5 + c];
  const PcaMap a = pca2(narrow.points()), b = pca2(wide.points());
  for (size_t i = 0; i < a.xy.size(); ++i) EXPECT_NEAR(a.xy[i], b.xy[i], 1e-5);
  EXPECT_NEAR(a.explained[0], b.explained[0], 1e-9);
}

TEST(Pca, DegenerateInput) {
  const std::vector<float> same(12, 3.0F), one{1, 2, 3};
  EXPECT_EQ(pca2({same, 4, 3}).xy, std::vector<float>(8, 0.0F));
  EXPECT_EQ(pca2({one, 1, 3}).xy, std::vector<float>(2, 0.0F));
  EXPECT_EQ(pca2({one, 3, 1}).xy, (std::vector<float>{-1, 0, 0, 0, 1, 0}));
  const std::vector<float> bad{1, NAN};
  EXPECT_THROW(pca2({bad, 2, 1}), Error);
  EXPECT_THROW(pca2({one, 2, 2}), Error);
  EXPECT_THROW(pca2({{}, 0, 0}), Error);
}

TEST(Umap, CurvesMatchTheReference) {
  for (const auto& want : golden()["curves"]) {
    const MapCurve curve = fit_map_curve(want["min_dist"]);
    EXPECT_NEAR(curve.a, want["a"], 1e-5) << want;
    EXPECT_NEAR(curve.b, want["b"], 1e-5) << want;
  }
  EXPECT_THROW(fit_map_curve(-0.1), Error);
  EXPECT_THROW(fit_map_curve(NAN), Error);
}

TEST(Umap, ScalesAndGraphMatchTheReference) {
  const Cloud cloud = golden_points();
  const Neighbours neighbours = nearest_neighbours(cloud.points(), golden()["neighbours"]);
  const LocalScales scales = local_scales(neighbours);
  for (int64_t i = 0; i < cloud.rows; ++i) {
    EXPECT_NEAR(scales.rho[i], golden()["rho"][i].get<double>(), 1e-5) << i;
    EXPECT_NEAR(scales.sigma[i], golden()["sigma"][i].get<double>(), 2e-5)
        << i;  // both stop bisecting within 1e-5 of the target
  }
  const auto graph = fuzzy_graph(neighbours, scales);
  size_t at = 0;
  for (const auto& edge : graph) {
    if (edge.from > edge.to) continue;
    ASSERT_LT(at, golden()["edges"].size());
    const auto& want = golden()["edges"][at++];
    ASSERT_EQ(edge.from, want[0]);
    ASSERT_EQ(edge.to, want[1]);
    EXPECT_NEAR(edge.weight, want[2].get<double>(), 1e-5);
  }
  EXPECT_EQ(at, golden()["edges"].size());
  EXPECT_EQ(graph.size(), 2 * at);  // both directions
}

TEST(Umap, LayoutIsAsTrustworthyAsTheReference) {
  const Cloud cloud = golden_points();
  const int k = golden()["neighbours"];
  std::vector<float> first_two(2 * cloud.rows);
  for (int64_t i = 0; i < cloud.rows; ++i)
    for (int axis = 0; axis < 2; ++axis) first_two[2 * i + axis] = cloud.values[i * cloud.columns + axis];
  EXPECT_NEAR(trustworthiness(cloud.points(), first_two, k), golden()["trustworthiness_of_first_two"], 1e-9);

  double reference = 0, ours = 0;
  for (const double value : golden()["trustworthiness"])
    reference += value / static_cast<double>(golden()["trustworthiness"].size());
  constexpr int seeds = 3;
  for (uint64_t seed = 0; seed < seeds; ++seed)
    ours += trustworthiness(cloud.points(), umap2(cloud.points(), {.neighbours = k, .seed = seed}), k) / seeds;
  EXPECT_GT(ours, reference - 0.02);
  RecordProperty("ours", std::to_string(ours));
  RecordProperty("reference", std::to_string(reference));
}

TEST(Umap, SeedDecidesTheMapAndThreadsDoNot) {
  const Cloud cloud = clusters(120, 6, 9);
  const int before = threads();
  set_threads(1);
  const auto one = umap2(cloud.points(), {.epochs = 50, .seed = 4});
  set_threads(2);
  const auto two = umap2(cloud.points(), {.epochs = 50, .seed = 4});
  const auto other = umap2(cloud.points(), {.epochs = 50, .seed = 5});
  set_threads(before);
  EXPECT_EQ(one, two);
  EXPECT_NE(one, other);
}

TEST(Umap, KeepsClustersApart) {
  const Cloud cloud = clusters(160, 8, 2);
  const auto xy = umap2(cloud.points(), {.epochs = 200});
  double inside = 0, across = INFINITY;
  for (int64_t i = 0; i < cloud.rows; ++i) {
    double nearest_same = INFINITY;
    for (int64_t j = 0; j < cloud.rows; ++j) {
      if (i == j) continue;
      const double d = std::hypot(xy[2 * i] - xy[2 * j], xy[2 * i + 1] - xy[2 * j + 1]);
      if (i % 4 == j % 4) {
        nearest_same = std::min(nearest_same, d);
      } else {
        across = std::min(across, d);
      }
    }
    inside = std::max(inside, nearest_same);
  }
  EXPECT_LT(inside, across);  // every point's nearest map neighbour is of its own cluster
}

TEST(Umap, SmallAndDegenerateInput) {
  const std::vector<float> values{0, 0, 1, 0, 0, 1, 1, 1, 0, 0};
  for (int64_t rows = 1; rows <= 5; ++rows) {
    const auto xy = umap2({std::span(values).first(2 * rows), rows, 2}, {.epochs = 20});
    ASSERT_EQ(xy.size(), 2 * rows);
    for (const float v : xy) EXPECT_TRUE(std::isfinite(v)) << rows;
  }
  const std::vector<float> same(60, 1.0F);
  for (const float v : umap2({same, 20, 3}, {.epochs = 20})) EXPECT_TRUE(std::isfinite(v));
  EXPECT_THROW(umap2({same, 20, 3}, {.neighbours = 1}), Error);
  EXPECT_THROW(umap2({same, 20, 3}, {.epochs = -1}), Error);
  EXPECT_THROW(trustworthiness({same, 20, 3}, std::vector<float>(40), 10), Error);
}

}  // namespace
}  // namespace strata::report
