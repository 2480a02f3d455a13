// LayerShuffle's variants in language models (arXiv 2407.04513): blocks that are told their slot, or guess it.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>

#include "strata/base/error.h"
#include "strata/blocks/tokens.h"
#include "strata/generate/generate.h"
#include "strata/models/adapt.h"
#include "strata/models/model.h"
#include "strata/models/tensor_file.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/stack/run.h"
#include "strata/surgery/prune.h"
#include "strata/train/objective.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

LanguageConfig small(const std::string& slots, const std::string& family = "llama") {
  LanguageConfig config;
  config.family = family;
  config.vocab = 30;
  config.channels = 16;
  config.depth = 4;
  config.heads = 2;
  config.hidden = 24;
  config.context = 32;
  config.init_std = 0.3;
  config.slots = slots;
  if (family == "opt") {
    config.norm = "layer";
    config.norm_eps = 1e-5;
    config.gated = false;
    config.activation = "relu";
    config.qkv_bias = config.out_bias = config.ffn_bias = true;
    config.positions = "learned";
    config.position_offset = 2;
    config.post_norm = true;
  }
  return config;
}

// Every weight is random, so that nothing is hidden by a zero.
Model random_model(const LanguageConfig& config, uint64_t seed = 1) {
  Model model = make_model(config, Random(seed));
  at::manual_seed(static_cast<int64_t>(seed));
  for (auto& entry : model.stack().weights.entries()) entry.value.add_(at::randn_like(entry.value), 0.1);
  return model;
}

Stack without_slots(const Stack& stack, LanguageConfig config) {
  config.slots = "none";
  Stack plain = make_language(config, Random(1));
  for (auto& entry : plain.weights.entries()) entry.value = stack.weights.at(entry.name);
  return plain;
}

const std::vector<int64_t> kLengths{7, 3, 5};

Stream tokens() {
  return token_stream((at::arange(15, at::kLong) * 7 + 3) % 30, ragged_rows(kLengths));
}

Tensor logits(const Stack& stack, const Route& route, Taps* taps = nullptr) {
  const at::NoGradGuard no_grad;
  return run(stack, route, tokens(), {.taps = taps}).x();
}

double worst(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

void zero(Stack& stack, const char* part) {
  for (auto& entry : stack.weights.entries())
    if (entry.name.find(part) != std::string::npos) entry.value.zero_();
}

class LanguageSlots : public testing::TestWithParam<const char*> {};

// With the adapters' linear layers at zero, gelu(0) = 0 leaves the plain model, bit for bit.
TEST_P(LanguageSlots, AdaptersAtZeroArePlain) {
  const LanguageConfig config = small("position", GetParam());
  Model model = random_model(config);
  const Stack plain = without_slots(model.stack(), config);
  EXPECT_GT(worst(logits(model.stack(), identity(4)), logits(plain, identity(4))), 1e-3);
  zero(model.stack(), ".place.linear.");
  for (const auto& route : all_orders(4)) ASSERT_TRUE(at::equal(logits(model.stack(), route), logits(plain, route)));
}

TEST_P(LanguageSlots, TheTableIsReadBySlot) {
  Model model = random_model(small("position", GetParam()));
  Stack& stack = model.stack();
  const Route shuffled = parse_route("2,0,3,1");
  // Copies of one block: only the slots tell them apart, so their order does not matter and the table's does.
  for (auto& entry : stack.weights.entries())
    for (int i = 1; i < 4; ++i)
      if (const std::string prefix = "blocks." + std::to_string(i) + "."; entry.name.starts_with(prefix))
        entry.value = stack.weights.at("blocks.0." + entry.name.substr(prefix.size())).clone();
  const Tensor copies = logits(stack, identity(4)), table = stack.weights.at("shared.slot_table").clone();
  EXPECT_TRUE(at::equal(copies, logits(stack, shuffled)));
  stack.weights.set("shared.slot_table", table.flip(0));
  EXPECT_GT(worst(copies, logits(stack, identity(4))), 1e-4);
  stack.weights.set("shared.slot_table", table);
  EXPECT_TRUE(at::equal(copies, logits(stack, identity(4))));
  // A fifth step has no slot.
  EXPECT_THAT([&] { logits(stack, parse_route("0-3,0")); }, ThrowsMessage<Error>(HasSubstr("built for 4 slots")));
}

TEST_P(LanguageSlots, PredictorsAddNothingAndAtZeroGiveEvenOdds) {
  const LanguageConfig config = small("predict", GetParam());
  Model model = random_model(config);
  const Stack plain = without_slots(model.stack(), config);
  const Route route = parse_route("3,1,0,2");
  Taps taps({"slot.*.block.*.predict.slot_logits"});
  EXPECT_TRUE(at::equal(logits(model.stack(), route, &taps), logits(plain, route)));
  ASSERT_EQ(taps.values().size(), 4U);
  for (const auto& [name, value] : taps.values()) EXPECT_EQ(value.sizes(), (at::IntArrayRef{3, 4})) << name;
  // 7: the loss of blind predictors is the logarithm of the number of slots, whatever the sequences' lengths.
  zero(model.stack(), ".predict.linear.");
  const Tensor ids = tokens().x();
  const TextBatch batch{.tokens = ids, .targets = ids, .rows = ragged_rows(kLengths)};
  const Losses loss = losses(model.stack(), {route, {}}, batch, 1.0 / 15, {.predict_weight = 2});
  EXPECT_NEAR(loss.position.item<double>(), std::log(4.0), 1e-6);
  EXPECT_NEAR(loss.total.item<double>(), loss.classification.item<double>() + 2 * std::log(4.0), 1e-5);
}

TEST_P(LanguageSlots, SavedAndOpenedAgain) {
  for (const char* slots : {"position", "predict"}) {
    SCOPED_TRACE(slots);
    LanguageConfig config = small(slots, GetParam());
    config.slot_count = 6;
    const Model model = random_model(config);
    const TemporaryFolder folder;
    save_model(folder.file("model"), model);
    const Model again = open_model(folder.file("model"));
    EXPECT_EQ(again.language.slots, slots);
    EXPECT_EQ(again.language.slot_count, 6);
    EXPECT_EQ(again.stack().weights.entries().size(), model.stack().weights.entries().size());
    const Route longer = parse_route("0,1,2,3,1,0");
    EXPECT_TRUE(at::equal(logits(again.stack(), longer), logits(model.stack(), longer)));
    // Without our notes the file holds tensors that nothing reads; they are not dropped in silence.
    std::filesystem::remove(folder.file("model/strata.json"));
    EXPECT_THAT([&] { open_model(folder.file("model")); }, ThrowsMessage<Error>(HasSubstr("strata.blocks.0.p")));
  }
}

TEST_P(LanguageSlots, PrunedModelsAreTheirRoutes) {
  const Model model = random_model(small("position", GetParam()));
  const Model less = prune(model, parse_route("3,0"));
  EXPECT_EQ(less.language.slot_count, 4) << "slots stay as many as there were";
  EXPECT_TRUE(at::equal(logits(less.stack(), identity(2)), logits(model.stack(), parse_route("3,0"))));
}

TEST_P(LanguageSlots, GenerationGoesOnFromCaches) {
  const Model model = random_model(small("position", GetParam()));
  GenerateOptions options{.route = parse_route("2,0,3,1"), .max_new_tokens = 8};
  const auto cached = generate(model.stack(), {{1, 2, 3}, {4}}, options);
  options.cached = false;
  const auto whole = generate(model.stack(), {{1, 2, 3}, {4}}, options);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(cached[i].tokens, whole[i].tokens);
}

INSTANTIATE_TEST_SUITE_P(Families, LanguageSlots, testing::Values("llama", "opt"),
                         [](const auto& info) { return std::string(info.param); });

TEST(LanguageSlotsRefused, WhereTheyHaveNoPlace) {
  LanguageConfig config = small("position");
  config.parallel = true;
  EXPECT_THAT([&] { make_language(config, Random(1)); }, ThrowsMessage<Error>(HasSubstr("these are parallel")));
  EXPECT_THAT([] { make_language(small("positions"), Random(1)); },
              ThrowsMessage<Error>(HasSubstr("slots must be none, position or predict, got 'positions'")));
}

TEST(AdaptedLanguage, SlotsComeFreshAndTheRestStays) {
  const Model model = random_model(small("none"));
  LanguageConfig wanted = model.language;
  wanted.slots = "position";
  wanted.slot_count = 5;
  wanted.context = 64;
  const Model made = adapted(model, wanted, Random(3));
  EXPECT_EQ(made.language.slots, "position");
  EXPECT_EQ(made.language.context, 64);
  EXPECT_EQ(made.stack().weights.at("shared.slot_table").size(0), 5);
  for (const auto& entry : model.stack().weights.entries())
    EXPECT_TRUE(made.stack().weights.at(entry.name).is_same(entry.value)) << entry.name;
  EXPECT_TRUE(at::equal(logits(without_slots(made.stack(), wanted), identity(4)), logits(model.stack(), identity(4))));
  const auto refuses = [&](auto&& change, const char* because) {
    LanguageConfig other = model.language;
    change(other);
    EXPECT_THAT([&] { adapted(model, other, Random(3)); }, ThrowsMessage<UsageError>(HasSubstr(because)));
  };
  refuses([](LanguageConfig& c) { c.depth = 5; }, "expected model.depth = 4 as in the checkpoint, got 5");
  refuses([](LanguageConfig& c) { c.family = "mistral"; }, "model.family");
  const Model learned = random_model(small("none", "opt"));
  LanguageConfig longer = learned.language;
  longer.context = 64;
  EXPECT_THAT([&] { adapted(learned, longer, Random(3)); },
              ThrowsMessage<UsageError>(HasSubstr("model.context = 32 as in the checkpoint, whose positions")));
}

}  // namespace
}  // namespace strata
