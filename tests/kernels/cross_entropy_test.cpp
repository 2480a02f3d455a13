#include "strata/kernels/cross_entropy.h"

#include "tests/kernels/kernel_test.h"

namespace strata {
namespace {

using namespace test;

double loss_of(const double* x, int64_t classes, int64_t target, double smoothing) {
  double top = x[0];
  double sum = 0;
  double mean = 0;
  for (int64_t c = 0; c < classes; ++c) top = std::max(top, x[c]);
  for (int64_t c = 0; c < classes; ++c) {
    sum += std::exp(x[c] - top);
    mean += x[c] / static_cast<double>(classes);
  }
  const double lse = top + std::log(sum);
  return (1 - smoothing) * (lse - x[target]) + (smoothing > 0 ? smoothing * (lse - mean) : 0.0);
}

TEST(CrossEntropy, LossAndGradientForEveryTail) {
  for_each_level([] {
    for (const int64_t classes : kTailSizes)
      for (const int64_t rows : {0, 1, 9})
        for (const float smoothing : {0.0F, 0.1F, 1.0F}) {
          SCOPED_TRACE(testing::Message() << rows << "x" << classes << " smoothing " << smoothing);
          const Floats logits = normals(1, rows * classes, 3);
          std::vector<int64_t> targets;
          for (int64_t r = 0; r < rows; ++r) targets.push_back((7 * r + 3) % classes);
          Floats loss(rows);
          Floats dlogits(logits.size());
          CrossEntropy args{.rows = rows,
                            .classes = classes,
                            .logits = logits.data(),
                            .targets = targets.data(),
                            .smoothing = smoothing,
                            .scale = 0.25F,
                            .loss = loss.data(),
                            .dlogits = dlogits.data()};
          cross_entropy(args);
          const Doubles wide = widen(logits);
          Doubles want(rows);
          for (int64_t r = 0; r < rows; ++r)
            want[r] = loss_of(wide.data() + r * classes, classes, targets[r], smoothing);
          expect_close(want, loss, 1e-6);
          if (rows * classes <= 64) {
            const auto total = [&](const Doubles& x) {
              double sum = 0;
              for (int64_t r = 0; r < rows; ++r)
                sum += 0.25 * loss_of(x.data() + r * classes, classes, targets[r], smoothing);
              return sum;
            };
            expect_close(central_differences(total, wide), dlogits, 1e-6);
          }
          Floats in_place = logits;  // the gradient may take the place of the logits, and the loss may be left out
          args.logits = args.dlogits = in_place.data();
          args.loss = nullptr;
          cross_entropy(args);
          EXPECT_EQ(dlogits, in_place);
        }
  });
}

TEST(CrossEntropy, LargeLogitsVocabularyAndIgnoredRows) {
  for_each_level([] {
    const int64_t classes = 5003;
    Floats logits = normals(1, 4 * classes);
    logits[17] = 5000;                // far above the rest
    logits[classes + 5] = -INFINITY;  // a forbidden class
    logits[2 * classes] = NAN;        // spoils its row only
    logits[3 * classes] = NAN;        // ignored
    const std::vector<int64_t> targets = {17, 9, 1, CrossEntropy::kIgnoreTarget};
    Floats loss(4);
    Floats dlogits(logits.size());
    cross_entropy({.rows = 4,
                   .classes = classes,
                   .logits = logits.data(),
                   .targets = targets.data(),
                   .loss = loss.data(),
                   .dlogits = dlogits.data()});
    EXPECT_EQ(loss[0], 0);
    const Doubles second(logits.begin() + classes, logits.begin() + 2 * classes);
    EXPECT_NEAR(loss[1], loss_of(second.data(), classes, 9, 0), 2e-6);
    EXPECT_NEAR(dlogits[classes + 5], 0, 1e-30);
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += dlogits[classes + c];
    EXPECT_NEAR(sum, 0, 1e-5);
    EXPECT_TRUE(std::isnan(loss[2]));
    EXPECT_EQ(loss[3], 0);
    EXPECT_EQ(dlogits[3 * classes], 0);
  });
}

TEST(CrossEntropy, RefusesTargetsThatAreNotClasses) {
  const Floats logits(4);
  const std::vector<int64_t> targets = {0, 2};
  try {
    cross_entropy({.rows = 2, .classes = 2, .logits = logits.data(), .targets = targets.data()});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cross_entropy: expected targets from 0 to 1 (or -100 to ignore a row), got 2 in row 1");
  }
  EXPECT_THROW(
      cross_entropy({.rows = 1, .classes = 2, .logits = logits.data(), .targets = targets.data(), .smoothing = 2}),
      Error);
}

}  // namespace
}  // namespace strata
