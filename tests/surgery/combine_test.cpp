#include "strata/surgery/combine.h"

#include <gmock/gmock.h>

#include <cmath>

#include "strata/base/error.h"

namespace strata {
namespace {

Tensor numbers(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble);
}

void expect_near(const Tensor& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.numel(), std::ssize(expected));
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found[static_cast<int64_t>(i)].item<double>(), expected[i], 1e-14) << i;
}

Tensor noise(uint64_t seed, int64_t size = 1000) {
  const Tensor result = at::empty({size}, at::kDouble);
  Random random(seed);
  for (int64_t i = 0; i < size; ++i) result.mutable_data_ptr<double>()[i] = random.normal();
  return result;
}

TEST(Combine, SoupIsTheWeightedMean) {
  expect_near(soup({numbers({1, 2}), numbers({3, 6})}, {1, 3}), {2.5, 5});
  expect_near(soup({numbers({1, 2}), numbers({3, 6})}, {1, 3}, false), {10, 20});
  expect_near(soup({numbers({1, 2}), numbers({3, 6})}, {0.5, 0.5}, false), {2, 4});
}

TEST(Combine, SoupOfCopiesIsTheCopyBitForBit) {
  const Tensor value = noise(1);
  for (int64_t copies = 1; copies < 12; ++copies) {
    std::vector<double> weights;
    for (int64_t i = 0; i < copies; ++i) weights.push_back(0.1 + 0.3 * static_cast<double>(i));
    EXPECT_TRUE(at::equal(soup(std::vector<Tensor>(copies, value), weights), value)) << copies;
    EXPECT_TRUE(at::equal(soup(std::vector<Tensor>(copies, value), std::vector<double>(copies, 1.0)), value)) << copies;
  }
}

TEST(Combine, SoupWithOneWeightIsThatTensorBitForBit) {
  const Tensor a = noise(1), b = noise(2) * 1e-9, c = noise(3) * 1e9;
  EXPECT_TRUE(at::equal(soup({a, b, c}, {0, 1, 0}), b));
  EXPECT_TRUE(at::equal(soup({a, b, c}, {0, 1, 0}, false), b));
}

TEST(Combine, SlerpHandWorked) {
  // A right angle, unit lengths: halfway is (1, 1) / sqrt 2; a third of the way stands at 30 degrees.
  expect_near(slerp(numbers({1, 0}), numbers({0, 1}), 0.5), {std::sqrt(0.5), std::sqrt(0.5)});
  expect_near(slerp(numbers({1, 0}), numbers({0, 1}), 1.0 / 3), {std::sqrt(3) / 2, 0.5});
  // Lengths are not normalised: both coefficients are sin 45 / sin 90.
  expect_near(slerp(numbers({2, 0}), numbers({0, 4}), 0.5), {std::sqrt(2), 2 * std::sqrt(2)});
  // 60 degrees: sin 30 / sin 60 = 1 / sqrt 3.
  expect_near(slerp(numbers({1, 0}), numbers({0.5, std::sqrt(3) / 2}), 0.5), {1.5 / std::sqrt(3), 0.5});
  // Parallel and opposite vectors: a straight line.
  expect_near(slerp(numbers({1, 2}), numbers({3, 6}), 0.25), {1.5, 3});
  expect_near(slerp(numbers({1, 2}), numbers({-1, -2}), 0.25), {0.5, 1});
  // Zeros have no direction and count as orthogonal: sin(t 90 degrees) of the other.
  expect_near(slerp(numbers({0, 0}), numbers({4, 0}), 1.0 / 3), {2, 0});
  expect_near(slerp(numbers({4, 0}), numbers({0, 0}), 2.0 / 3), {2, 0});
  expect_near(slerp(numbers({0, 0}), numbers({0, 0}), 0.5), {0, 0});
}

TEST(Combine, WeightsThatAddUpToZeroDivideDifferencesByNothing) {
  const Tensor base = numbers({1, 2}), a = numbers({3, 2}), b = numbers({1, 6});
  expect_near(task_arithmetic(base, {a, b}, {1, -1}, {.normalize = true}), {3, -2});
  expect_near(difference_sum(base, {a - base, b - base}, {1, -1}, {.normalize = true}), {3, -2});
  EXPECT_THROW(soup({a, b}, {1, -1}), Error);
}

TEST(Combine, TrimRescalesToTheSumOfMagnitudes) {
  expect_near(trim(numbers({1, -4, 2, 3}), 0.5), {0, -4, 0, 3});
  expect_near(trim(numbers({1, -4, 2, 3}), 0.5, true), {0, -40.0 / 7, 0, 30.0 / 7});
  expect_near(trim(numbers({0, 0}), 0.5, true), {0, 0});
}

TEST(Combine, SlerpEndsAndCopiesAreExact) {
  const Tensor a = noise(1), b = noise(2), near = a + 1e-6 * b;
  for (const Tensor& end : {b, near}) {
    EXPECT_TRUE(at::equal(slerp(a, end, 0), a));
    EXPECT_TRUE(at::equal(slerp(a, end, 1), end));
  }
  for (const double t : {0.1, 0.5, 0.7}) EXPECT_TRUE(at::equal(slerp(a, a, t), a));
}

TEST(Combine, TaskArithmeticHandWorked) {
  const Tensor base = numbers({1, 1});
  expect_near(task_arithmetic(base, {numbers({2, 1}), numbers({1, 4})}, {0.5, 2}), {1.5, 7});
  expect_near(task_arithmetic(base, {numbers({2, 1}), numbers({1, 4})}, {0.5, 2}, {.lambda = 0.5}), {1.25, 4});
  expect_near(task_arithmetic(base, {numbers({2, 1}), numbers({1, 4})}, {1, 3}, {.normalize = true}), {1.25, 3.25});
}

TEST(Combine, TaskArithmeticOfOneModelWithWeightOneReturnsIt) {
  const Tensor base = noise(1), value = noise(2) * 1e-8, other = noise(3);
  EXPECT_TRUE(at::equal(task_arithmetic(base, {value}, {1}), value));
  EXPECT_TRUE(at::equal(task_arithmetic(base, {other, value}, {0, 1}), value));
  EXPECT_TRUE(at::equal(task_arithmetic(base, {value}, {7}, {.normalize = true}), value));
  EXPECT_TRUE(at::equal(task_arithmetic(base, {value}, {0}), base));
  EXPECT_TRUE(at::equal(task_arithmetic(base, {base, base}, {0.3, 1.7}), base));
}

TEST(Combine, TrimKeepsTheGreatest) {
  expect_near(trim(numbers({1, -5, 3, -2, 4}), 0.4), {0, -5, 0, 0, 4});
  expect_near(trim(numbers({2, -2, 2, 2}), 0.5), {2, -2, 0, 0});  // of equals the first
  expect_near(trim(numbers({1, -5}), 0.1), {0, -5});              // at least one
  EXPECT_TRUE(at::equal(trim(noise(1), 1), noise(1)));
  EXPECT_EQ(trim(noise(1), 0.3).count_nonzero().item<int64_t>(), 300);
  EXPECT_THROW(trim(noise(1), 1.5), Error);
  EXPECT_THROW(trim(noise(1), std::nan("")), Error);
}

TEST(Combine, DisjointSumHandWorked) {
  const Tensor base = numbers({10, 10, 10, 10});
  const std::vector<Tensor> differences = {numbers({4, -1, 0, 2}), numbers({2, 3, 0, -2}), numbers({-3, 5, 0, 0})};
  // Elected: + (3), + (7), + (0), + (0 counts as +). Means of what agrees: (4 + 2) / 2, (3 + 5) / 2, nothing, 2.
  expect_near(disjoint_sum(base, differences, {1, 1, 1}, {.normalize = true}), {13, 14, 10, 12});
  expect_near(disjoint_sum(base, differences, {1, 1, 1}, {}), {16, 18, 10, 12});
  // Weights 1, 1, 3: sums -3, 17, 0, 0; -3 * 3 / 3, (3 + 15) / 4.
  expect_near(disjoint_sum(base, differences, {1, 1, 3}, {.lambda = 2, .normalize = true}), {4, 19, 10, 14});
  EXPECT_TRUE(at::equal(disjoint_sum(noise(1), {at::zeros({1000}, at::kDouble)}, {1}, {.normalize = true}), noise(1)));
}

TEST(Combine, DareKeepsTheExpectation) {
  const Tensor difference = at::full({200'000}, 2.0, at::kDouble);
  for (const double density : {0.1, 0.5, 0.9}) {
    const Tensor dropped = drop_and_rescale(difference, density, Random(3));
    const auto kept = static_cast<double>(dropped.count_nonzero().item<int64_t>()) / 200'000;
    // Four standard deviations of a binomial share.
    EXPECT_NEAR(kept, density, 4 * std::sqrt(density * (1 - density) / 200'000));
    EXPECT_NEAR(dropped.mean().item<double>(), 2, 8 * std::sqrt((1 - density) / density / 200'000));
    EXPECT_DOUBLE_EQ(dropped.max().item<double>(), 2 / density);
    EXPECT_EQ(drop_and_rescale(difference, density, Random(3), false).max().item<double>(), 2);
    EXPECT_TRUE(at::equal(drop_and_rescale(difference, density, Random(3)), dropped));
    EXPECT_FALSE(at::equal(drop_and_rescale(difference, density, Random(4)), dropped));
  }
  EXPECT_TRUE(at::equal(drop_and_rescale(noise(1), 1, Random(1)), noise(1)));
  EXPECT_THROW(drop_and_rescale(noise(1), 0, Random(1)), Error);
}

TEST(Combine, FloatsComeBackAsFloats) {
  const Tensor a = noise(1).to(at::kFloat), b = noise(2).to(at::kFloat);
  EXPECT_EQ(soup({a, b}, {1, 1}).scalar_type(), at::kFloat);
  EXPECT_EQ(slerp(a, b, 0.3).scalar_type(), at::kFloat);
  EXPECT_EQ(task_arithmetic(a, {b}, {0.3}).scalar_type(), at::kFloat);
  EXPECT_EQ(disjoint_sum(a, {b}, {0.3}, {}).scalar_type(), at::kFloat);
}

TEST(Combine, Refusals) {
  EXPECT_THROW(soup({}, {}), Error);
  EXPECT_THROW(soup({noise(1)}, {1, 2}), Error);
  EXPECT_THROW(soup({noise(1), noise(1, 3)}, {1, 2}), Error);
  EXPECT_THROW(soup({noise(1), noise(2)}, {1, -1}), Error);
  EXPECT_THROW(slerp(noise(1), noise(1, 3), 0.5), Error);
  EXPECT_THROW(task_arithmetic(noise(1), {noise(1, 3)}, {1}), Error);
}

}  // namespace
}  // namespace strata
