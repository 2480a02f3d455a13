#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "strata/blocks/patches.h"
#include "strata/models/tensor_file.h"
#include "strata/models/vit.h"
#include "strata/ops/loss.h"
#include "strata/ops/mode.h"
#include "strata/stack/run.h"

namespace strata {
namespace {

// tests/golden/vit.py: plain PyTorch 2.13, 118 kB.
const NamedTensors& golden() {
  static const NamedTensors tensors = load_tensors("tests/golden/vit.safetensors");
  return tensors;
}

Stack golden_stack(at::ScalarType type) {
  Stack stack = wire_vit({.image_height = 8,
                          .image_width = 8,
                          .image_channels = 2,
                          .patch_height = 4,
                          .patch_width = 4,
                          .channels = 12,
                          .depth = 3,
                          .heads = 3,
                          .hidden = 20,
                          .classes = 5,
                          .norm_eps = 1e-6});
  for (const auto& param : params_of(stack)) {
    const Tensor value = golden().at("weight." + param.name).to(type, false, true);
    EXPECT_EQ(value.sizes(), at::IntArrayRef(param.shape)) << param.name;
    stack.weights.insert({param.name, value.requires_grad_(true), param.decay});
  }
  return stack;
}

void expect_near(const Tensor& found, const Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_TRUE(found.defined()) << what;
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  EXPECT_EQ(found.scalar_type(), expected.scalar_type()) << what;
  EXPECT_LE((found - expected).abs().max().item<double>(), tolerance) << what;
}

// Errors of rounding in float32 are some 1e-6 for logits and gradients near 1.
void expect_golden(at::ScalarType type, const std::string& kind, double tolerance) {
  Stack stack = golden_stack(type);
  const Stream images = image_stream(golden().at("pixels").to(type));
  const Tensor logits = run(stack, identity(3), images, {.training = true}).x();
  expect_near(logits.detach(), golden().at("logits." + kind), tolerance, "logits");
  const Tensor loss = ops::cross_entropy(logits, golden().at("labels"), 0.1);
  expect_near(loss.detach(), golden().at("loss." + kind), tolerance, "loss");
  loss.backward();
  for (const auto& entry : stack.weights.entries())
    expect_near(entry.value.grad(), golden().at("grad." + kind + "." + entry.name), tolerance, entry.name);
}

TEST(VitGolden, Float32) {
  expect_golden(at::kFloat, "float32", 1e-5);
}

TEST(VitGolden, Float64) {
  expect_golden(at::kDouble, "float64", 1e-12);
}

TEST(VitGolden, CompositesInFloat32) {
  const ops::CompositeGuard composites;
  expect_golden(at::kFloat, "float32", 1e-5);
}

TEST(VitGolden, EveryTensorOfTheFixtureIsAWeightOfOurs) {
  const Stack stack = golden_stack(at::kFloat);
  size_t weights = 0;
  for (const auto& [name, value] : golden()) weights += name.starts_with("weight.");
  EXPECT_EQ(weights, stack.weights.entries().size());
}

}  // namespace
}  // namespace strata
