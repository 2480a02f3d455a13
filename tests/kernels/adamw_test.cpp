#include "strata/kernels/adamw.h"

#include "tests/kernels/kernel_test.h"

namespace strata {
namespace {

using namespace test;

// The documented formula, in double, over several steps.
struct Oracle {
  Doubles p, m, v, average;
  void step(const Floats& grad, const AdamwOptions& o, double decay, int64_t step) {
    for (size_t i = 0; i < p.size(); ++i) {
      const double g = grad[i] * o.grad_scale;
      p[i] -= o.learning_rate * decay * p[i];
      m[i] = o.beta1 * m[i] + (1 - o.beta1) * g;
      v[i] = o.beta2 * v[i] + (1 - o.beta2) * g * g;
      const double m_hat = m[i] / (1 - std::pow(o.beta1, step));
      const double v_hat = v[i] / (1 - std::pow(o.beta2, step));
      p[i] -= o.learning_rate * m_hat / (std::sqrt(v_hat) + o.eps);
      average[i] = o.average_decay * average[i] + (1 - o.average_decay) * p[i];
    }
  }
};

TEST(Adamw, FollowsTheFormulaOverSixSteps) {
  for_each_level([] {
    const AdamwOptions options{
        .learning_rate = 3e-3, .beta1 = 0.9, .beta2 = 0.98, .eps = 1e-8, .grad_scale = 0.5, .average_decay = 0.9};
    std::vector<Floats> p, m, v, average;
    std::vector<Oracle> oracles;
    for (const int64_t count :
         {int64_t{0}, int64_t{1}, int64_t{15}, int64_t{16}, int64_t{17}, int64_t{257}, int64_t{16500}}) {
      p.push_back(normals(count, count));
      m.emplace_back(count);
      v.emplace_back(count);
      average.push_back(p.back());
      oracles.push_back({widen(p.back()), Doubles(count), Doubles(count), widen(p.back())});
    }
    for (int64_t step = 1; step <= 6; ++step) {
      std::vector<Floats> grads;
      for (size_t t = 0; t < p.size(); ++t) grads.push_back(normals(100 * step + t, p[t].size()));
      std::vector<AdamwTensor> tensors;
      for (size_t t = 0; t < p.size(); ++t) {
        const double decay = t % 2 ? 0.05 : 0.0;
        tensors.push_back({.count = static_cast<int64_t>(p[t].size()),
                           .param = p[t].data(),
                           .grad = grads[t].data(),
                           .first = m[t].data(),
                           .second = v[t].data(),
                           .average = average[t].data(),
                           .weight_decay = decay,
                           .step = step});
        oracles[t].step(grads[t], options, decay, step);
      }
      adamw(tensors, options);
    }
    for (size_t t = 0; t < p.size(); ++t) {
      SCOPED_TRACE(testing::Message() << "tensor " << t);
      expect_close(oracles[t].p, p[t], 2e-6);
      expect_close(oracles[t].m, m[t], 1e-6);
      expect_close(oracles[t].v, v[t], 1e-6);
      expect_close(oracles[t].average, average[t], 2e-6);
    }
  });
}

TEST(Adamw, ThreadsDoNotChangeABit) {
  const int before = threads();
  std::vector<Floats> results;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    Floats p = normals(1, 33001);
    const Floats g = normals(2, 33001);
    Floats m(p.size());
    Floats v(p.size());
    const AdamwTensor tensor{.count = 33001,
                             .param = p.data(),
                             .grad = g.data(),
                             .first = m.data(),
                             .second = v.data(),
                             .weight_decay = 0.1};
    adamw(std::span(&tensor, 1), {});
    results.push_back(p);
  }
  set_threads(before);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(Adamw, ZeroGradientsOnlyDecayAndNotANumberStaysInPlace) {
  for_each_level([] {
    Floats p(17, 2.0F);
    Floats g(17);
    g[3] = NAN;
    Floats m(17);
    Floats v(17);
    const AdamwTensor tensor{
        .count = 17, .param = p.data(), .grad = g.data(), .first = m.data(), .second = v.data(), .weight_decay = 0.5};
    adamw(std::span(&tensor, 1), {.learning_rate = 0.1});
    for (size_t i = 0; i < p.size(); ++i) {
      if (i == 3)
        EXPECT_TRUE(std::isnan(p[i]));
      else
        EXPECT_FLOAT_EQ(p[i], 1.9F);
    }
  });
}

TEST(Adamw, RefusesStepZero) {
  const AdamwTensor tensor{.step = 0};
  EXPECT_THROW(adamw(std::span(&tensor, 1), {}), Error);
}

TEST(L2Norm, SumsSquaresTheSameForAnyThreadCount) {
  for_each_level([] {
    std::vector<Floats> tensors;
    std::vector<FloatSpan> spans;
    double want = 0;
    for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{17}, int64_t{257}, int64_t{33001}})
      tensors.push_back(normals(count, count));
    for (const auto& tensor : tensors) {
      spans.push_back({tensor.data(), static_cast<int64_t>(tensor.size())});
      for (const float x : tensor) want += static_cast<double>(x) * x;
    }
    const double got = l2_norm_squared(spans);
    EXPECT_NEAR(got, want, 1e-6 * want);
    const int before = threads();
    for (const int count : {1, 2, 5}) {
      set_threads(count);
      EXPECT_EQ(l2_norm_squared(spans), got);
    }
    set_threads(before);
    EXPECT_EQ(l2_norm_squared({}), 0);
  });
}

TEST(L2Norm, HugeGradientsBecomeInfiniteNotWrong) {
  for_each_level([] {
    const Floats x = {1e30F, 1};
    const FloatSpan span{x.data(), 2};
    const double got = l2_norm_squared(std::span(&span, 1));
    EXPECT_TRUE(std::isinf(got) || std::abs(got / 1e60 - 1) < 1e-6) << got;
  });
}

}  // namespace
}  // namespace strata
