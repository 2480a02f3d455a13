#include "strata/kernels/norm.h"

#include "tests/kernels/kernel_test.h"

namespace strata {
namespace {

using namespace test;

struct Case {
  int64_t rows, channels;
  bool centred, residual;
  float eps = 1e-5F;
  Floats x, delta, delta_bias, gain, bias, dy, dstream_in;

  Case(int64_t rows, int64_t channels, bool centred, bool residual)
      : rows(rows), channels(channels), centred(centred), residual(residual) {
    x = normals(1, rows * channels, 2);
    delta = normals(2, rows * channels);
    delta_bias = normals(3, channels);
    gain = normals(4, channels);
    bias = normals(5, channels);
    dy = normals(6, rows * channels);
    dstream_in = normals(7, rows * channels);
  }
};

Doubles stream_of(const Case& c, const Doubles& x) {
  Doubles stream = x;
  for (int64_t i = 0; c.residual && i < c.rows * c.channels; ++i)
    stream[i] += c.delta[i] + c.delta_bias[i % c.channels];
  return stream;
}

// The definition, in double.
Doubles norm_of(const Case& c, const Doubles& stream, const Doubles& gain, const Doubles& bias) {
  Doubles y(stream.size());
  for (int64_t r = 0; r < c.rows; ++r) {
    const double* s = stream.data() + r * c.channels;
    double mean = 0;
    for (int64_t i = 0; c.centred && i < c.channels; ++i) mean += s[i] / c.channels;
    double variance = 0;
    for (int64_t i = 0; i < c.channels; ++i) variance += (s[i] - mean) * (s[i] - mean) / c.channels;
    for (int64_t i = 0; i < c.channels; ++i)
      y[r * c.channels + i] = (s[i] - mean) / std::sqrt(variance + c.eps) * gain[i] + bias[i];
  }
  return y;
}

struct Forward {
  Floats stream, y, mean, rstd;
};
Forward run_forward(const Case& c) {
  Forward out{Floats(c.x.size()), Floats(c.x.size()), Floats(c.rows), Floats(c.rows)};
  const NormForward args{.rows = c.rows,
                         .channels = c.channels,
                         .x = c.x.data(),
                         .delta = c.residual ? c.delta.data() : nullptr,
                         .delta_bias = c.delta_bias.data(),
                         .gain = c.gain.data(),
                         .bias = c.bias.data(),
                         .eps = c.eps,
                         .stream = out.stream.data(),
                         .y = out.y.data(),
                         .mean = out.mean.data(),
                         .rstd = out.rstd.data()};
  c.centred ? layer_norm_forward(args) : rms_norm_forward(args);
  return out;
}

struct Backward {
  Floats dstream, dgain, dbias, ddelta_bias;
};
Backward run_backward(const Case& c, const Forward& forward) {
  Backward out{Floats(c.x.size()), Floats(c.channels), Floats(c.channels), Floats(c.channels)};
  const NormBackward args{.rows = c.rows,
                          .channels = c.channels,
                          .dy = c.dy.data(),
                          .stream = forward.stream.data(),
                          .mean = forward.mean.data(),
                          .rstd = forward.rstd.data(),
                          .gain = c.gain.data(),
                          .dstream_in = c.residual ? c.dstream_in.data() : nullptr,
                          .dstream = out.dstream.data(),
                          .dgain = out.dgain.data(),
                          .dbias = out.dbias.data(),
                          .ddelta_bias = out.ddelta_bias.data()};
  c.centred ? layer_norm_backward(args) : rms_norm_backward(args);
  return out;
}

TEST(Norm, ForwardMatchesDefinition) {
  for_each_level([] {
    for (const int64_t channels : kTailSizes)
      for (const int64_t rows : {0, 1, 5, 70})
        for (const bool centred : {true, false})
          for (const bool residual : {true, false}) {
            SCOPED_TRACE(testing::Message()
                         << rows << "x" << channels << " centred " << centred << " residual " << residual);
            const Case c(rows, channels, centred, residual);
            const Forward got = run_forward(c);
            const Doubles stream = stream_of(c, widen(c.x));
            expect_close(stream, got.stream, 1e-6);
            expect_close(norm_of(c, stream, widen(c.gain), widen(c.bias)), got.y, 1e-5);
          }
  });
}

TEST(Norm, BackwardMatchesCentralDifferences) {
  for_each_level([] {
    for (const int64_t channels : {1, 7, 8, 17, 48})
      for (const bool centred : {true, false})
        for (const bool residual : {true, false}) {
          SCOPED_TRACE(testing::Message() << channels << " centred " << centred << " residual " << residual);
          const Case c(9, channels, centred, residual);
          const Doubles stream = stream_of(c, widen(c.x));
          const Doubles gain = widen(c.gain);
          const Doubles bias = widen(c.bias);
          const auto loss = [&](const Doubles& s, const Doubles& g, const Doubles& b) {
            const Doubles y = norm_of(c, s, g, b);
            double total = 0;
            for (size_t i = 0; i < y.size(); ++i) total += y[i] * c.dy[i] + (residual ? s[i] * c.dstream_in[i] : 0.0);
            return total;
          };
          const Backward got = run_backward(c, run_forward(c));
          // One channel: the gradient is a difference of equal numbers divided by sqrt(eps).
          const double tolerance = channels == 1 ? 1e-3 : 2e-5;
          const Doubles dstream = central_differences([&](const Doubles& s) { return loss(s, gain, bias); }, stream);
          expect_close(dstream, got.dstream, tolerance);
          expect_close(central_differences([&](const Doubles& g) { return loss(stream, g, bias); }, gain), got.dgain,
                       2e-5);
          expect_close(central_differences([&](const Doubles& b) { return loss(stream, gain, b); }, bias), got.dbias,
                       2e-5);
          Doubles column_sums(channels);
          for (size_t i = 0; i < dstream.size(); ++i) column_sums[i % channels] += dstream[i];
          expect_close(column_sums, got.ddelta_bias, 5 * tolerance);
        }
  });
}

TEST(Norm, LevelsAgreeOnManyRows) {
  const Isa before = active_isa();
  for (const bool centred : {true, false}) {
    const Case c(1031, 48, centred, true);
    set_isa(Isa::reference);
    const Forward forward = run_forward(c);
    const Backward want = run_backward(c, forward);
    set_isa(before);
    for_each_level([&] {
      const Backward got = run_backward(c, forward);
      expect_close(want.dstream, got.dstream, 1e-5);
      expect_close(want.dgain, got.dgain, 1e-5);
      expect_close(want.dbias, got.dbias, 1e-5);
      expect_close(want.ddelta_bias, got.ddelta_bias, 1e-5);
      EXPECT_EQ(got.dgain, run_backward(c, forward).dgain) << "not reproducible";
    });
  }
}

TEST(Norm, MayWorkInPlaceAndWithoutOptionalParts) {
  for_each_level([] {
    const Case c(6, 17, true, true);
    const Forward want = run_forward(c);
    Floats stream = c.x;
    Floats y(c.x.size());
    layer_norm_forward({.rows = 6,
                        .channels = 17,
                        .x = stream.data(),
                        .delta = c.delta.data(),
                        .delta_bias = c.delta_bias.data(),
                        .gain = c.gain.data(),
                        .bias = c.bias.data(),
                        .stream = stream.data(),
                        .y = y.data()});
    EXPECT_EQ(want.stream, stream);
    EXPECT_EQ(want.y, y);
    Floats plain = c.x;
    layer_norm_forward({.rows = 6, .channels = 17, .x = plain.data(), .y = plain.data()});
    Case bare(6, 17, true, false);
    expect_close(norm_of(bare, widen(c.x), Doubles(17, 1.0), Doubles(17, 0.0)), plain, 1e-5);
    const Backward gradient = run_backward(c, want);
    Floats in_place = c.dstream_in;
    layer_norm_backward({.rows = 6,
                         .channels = 17,
                         .dy = c.dy.data(),
                         .stream = want.stream.data(),
                         .mean = want.mean.data(),
                         .rstd = want.rstd.data(),
                         .gain = c.gain.data(),
                         .dstream_in = in_place.data(),
                         .dstream = in_place.data()});
    EXPECT_EQ(gradient.dstream, in_place);
  });
}

TEST(Norm, ConstantRowIsTheBiasAndNotANumberStaysInItsRow) {
  for_each_level([] {
    Case c(3, 20, true, false);
    for (int64_t i = 0; i < 20; ++i) c.x[i] = 3;
    c.x[25] = NAN;
    c.x[47] = 1e30F;  // variance overflows: the row is its bias, not NaN
    const Forward got = run_forward(c);
    for (int64_t i = 0; i < 20; ++i) {
      EXPECT_EQ(got.y[i], c.bias[i]);
      EXPECT_TRUE(std::isnan(got.y[20 + i]));
      EXPECT_FALSE(std::isnan(got.y[40 + i]));
    }
  });
}

TEST(Norm, RefusesImpossibleSizes) {
  EXPECT_THROW(layer_norm_forward({.rows = 1, .channels = 0}), Error);
  EXPECT_THROW(rms_norm_backward({.rows = -1, .channels = 4}), Error);
}

}  // namespace
}  // namespace strata
