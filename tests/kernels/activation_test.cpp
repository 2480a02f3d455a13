#include "strata/kernels/activation.h"

#include "tests/kernels/kernel_test.h"

namespace strata {
namespace {

using namespace test;

double gelu_of(double x) {
  return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
}
double gelu_tanh_of(double x) {
  return x / (1 + std::exp(-std::sqrt(8 / M_PI) * (x + 0.044715 * x * x * x)));
}
double silu_of(double x) {
  return x / (1 + std::exp(-x));
}
double slope(double (*f)(double), double x) {
  return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;
}

TEST(Gelu, MatchesDefinitionOnAFineGrid) {
  for_each_level([] {
    Floats x;
    for (float v = -14; v < 14; v += 0.003F) x.push_back(v);
    const auto count = static_cast<int64_t>(x.size());
    const Floats dy(x.size(), 1.0F);
    for (const bool tanh : {false, true}) {
      double (*const form)(double) = tanh ? gelu_tanh_of : gelu_of;
      Floats y(x.size());
      gelu_forward({.tanh = tanh, .rows = 1, .channels = count, .x = x.data(), .y = y.data()});
      Floats dx(x.size());
      Floats again(x.size());
      gelu_backward({.tanh = tanh,
                     .rows = 1,
                     .channels = count,
                     .dy = dy.data(),
                     .x = x.data(),
                     .dx = dx.data(),
                     .y = again.data()});
      EXPECT_EQ(y, again);
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = form(x[i]);
        // Absolute error a millionth near zero, and a few units in the last place of the result wherever it is (the
        // tail included).
        ASSERT_NEAR(y[i], want, std::min(1e-6 + 2e-7 * std::abs(want), 1e-5 * std::abs(want) + (tanh ? 2e-37 : 1e-37)))
            << x[i];
        ASSERT_NEAR(dx[i], slope(form, x[i]), 1e-6) << x[i];
      }
    }
  });
}

TEST(Gelu, BiasAndItsGradientForEveryTail) {
  for_each_level([] {
    for (const int64_t channels : kTailSizes)
      for (const int64_t rows : {0, 1, 6, 41}) {
        SCOPED_TRACE(testing::Message() << rows << "x" << channels);
        const Floats x = normals(1, rows * channels, 2);
        const Floats bias = normals(2, channels);
        const Floats dy = normals(3, rows * channels);
        Floats y(x.size());
        Floats dx(x.size());
        Floats dbias(channels);
        gelu_forward({.rows = rows, .channels = channels, .x = x.data(), .bias = bias.data(), .y = y.data()});
        gelu_backward({.rows = rows,
                       .channels = channels,
                       .dy = dy.data(),
                       .x = x.data(),
                       .bias = bias.data(),
                       .dx = dx.data(),
                       .dbias = dbias.data()});
        Doubles want_y(x.size());
        Doubles want_dx(x.size());
        Doubles want_dbias(channels);
        for (size_t i = 0; i < x.size(); ++i) {
          const double v = static_cast<double>(x[i]) + bias[i % channels];
          want_y[i] = gelu_of(v);
          want_dx[i] = dy[i] * slope(gelu_of, v);
          want_dbias[i % channels] += want_dx[i];
        }
        expect_close(want_y, y, 1e-6);
        expect_close(want_dx, dx, 2e-6);
        expect_close(want_dbias, dbias, 1e-5);
      }
  });
}

TEST(Gelu, ExtremeValues) {
  for_each_level([] {
    const float inf = INFINITY;
    const Floats x = {inf, 100, 1e30F, NAN, -100, -1e30F, 0, -0.0F, 1e-40F, -1e-40F};
    const Floats dy(x.size(), 1.0F);
    for (const bool tanh : {false, true}) {
      Floats y(x.size());
      gelu_forward({.tanh = tanh, .rows = 1, .channels = 10, .x = x.data(), .y = y.data()});
      expect_close(Floats{inf, 100, 1e30F, NAN, 0, 0, 0, 0, 5e-41F, -5e-41F}, y, tanh ? 1e-36 : 1e-38);
      Floats dx(x.size());
      gelu_backward({.tanh = tanh, .rows = 1, .channels = 8, .dy = dy.data(), .x = x.data() + 1, .dx = dx.data()});
      expect_close(Floats{1, 1, NAN, 0, 0, 0.5F, 0.5F, 0.5F}, Floats(dx.begin(), dx.begin() + 8), 1e-6);
    }
  });
}

TEST(Swiglu, MatchesDefinitionAndItsDerivatives) {
  for_each_level([] {
    for (const int64_t channels : kTailSizes)
      for (const int64_t rows : {0, 1, 37}) {
        SCOPED_TRACE(testing::Message() << rows << "x" << channels);
        const int64_t stride = 2 * channels;  // the halves of one wide row
        const Floats wide = normals(1, rows * stride, 3);
        const Floats dy = normals(2, rows * channels);
        Floats y(rows * channels);
        Floats dwide(wide.size());
        const float* up = rows ? wide.data() + channels : nullptr;
        swiglu_forward(
            {.rows = rows, .channels = channels, .stride = stride, .gate = wide.data(), .up = up, .y = y.data()});
        swiglu_backward({.rows = rows,
                         .channels = channels,
                         .stride = stride,
                         .dy = dy.data(),
                         .gate = wide.data(),
                         .up = up,
                         .dgate = dwide.data(),
                         .dup = rows ? dwide.data() + channels : nullptr});
        Doubles want_y(y.size());
        Doubles want_dwide(wide.size());
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < channels; ++c) {
            const double gate = wide[r * stride + c];
            const double u = wide[r * stride + channels + c];
            want_y[r * channels + c] = silu_of(gate) * u;
            want_dwide[r * stride + c] = dy[r * channels + c] * u * slope(silu_of, gate);
            want_dwide[r * stride + channels + c] = dy[r * channels + c] * silu_of(gate);
          }
        expect_close(want_y, y, 1e-6);
        expect_close(want_dwide, dwide, 5e-6);
      }
  });
}

TEST(Swiglu, ExtremeGates) {
  for_each_level([] {
    const Floats gate = {-1000, 1000, NAN, 0, -88, 88, -90, 90};
    const Floats up(8, 1.0F);
    Floats y(8);
    swiglu_forward({.rows = 1, .channels = 8, .stride = 8, .gate = gate.data(), .up = up.data(), .y = y.data()});
    expect_close(Floats{0, 1000, NAN, 0, 0, 88, 0, 90}, y, 1e-6);
  });
}

TEST(BiasGrad, SumsColumnsReproducibly) {
  for_each_level([] {
    for (const int64_t channels : kTailSizes)
      for (const int64_t rows : {0, 1, 13, 300}) {
        const Floats x = normals(1, rows * channels);
        Floats out(channels, 7.0F);
        Floats again(channels);
        bias_grad({.rows = rows, .channels = channels, .x = x.data(), .out = out.data()});
        bias_grad({.rows = rows, .channels = channels, .x = x.data(), .out = again.data()});
        Doubles want(channels);
        for (size_t i = 0; i < x.size(); ++i) want[i % channels] += x[i];
        expect_close(want, out, 5e-5);  // terms of size 1, partial sums of size 30, a few hundred float additions
        EXPECT_EQ(out, again);
      }
  });
}

TEST(Activation, RefusesImpossibleSizes) {
  EXPECT_THROW(gelu_forward({.rows = 1, .channels = 0}), Error);
  EXPECT_THROW(swiglu_forward({.rows = 1, .channels = 8, .stride = 7}), Error);
  EXPECT_THROW(bias_grad({.rows = -2, .channels = 8}), Error);
}

}  // namespace
}  // namespace strata
