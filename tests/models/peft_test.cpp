#include "strata/models/peft.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <array>
#include <filesystem>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/blocks/tokens.h"
#include "strata/models/model.h"
#include "strata/models/tensor_file.h"
#include "strata/route/order.h"
#include "strata/stack/run.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const std::string kAdapters = "tests/golden/peft/";  // tests/golden/peft_adapters.py: peft 0.21.2

Model base_of(const std::string& variant) {
  return open_model("tests/golden/hf_language/" + variant);
}

Tensor logits_of(const Model& model, const Tensor& tokens, const Overlay* overlay = nullptr) {
  std::vector<const Overlay*> overlays;
  if (overlay != nullptr) overlays.push_back(overlay);
  RunOptions options;
  options.overlays = overlays;
  return run(model.stack(), identity(model.depth()), token_stream(tokens, ragged_rows({tokens.numel()})), options).x();
}

double worst(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

struct Fixture {
  const char *adapter, *base;
};

class Peft : public testing::TestWithParam<Fixture> {};

TEST_P(Peft, LogitsAreTheirs) {
  const std::string folder = kAdapters + GetParam().adapter;
  const NamedTensors golden = load_tensors(folder + "/expected/golden.safetensors");
  Model model = base_of(GetParam().base);
  const Adapter adapter = read_adapter(folder);
  const Overlay overlay = adapter_overlay(adapter, model.stack(), names_of(model));
  EXPECT_LT(worst(logits_of(model, golden.at("tokens"), &overlay), golden.at("logits")), 3e-5);
  EXPECT_GT(worst(logits_of(model, golden.at("tokens")), golden.at("logits")), 0.5);
  merge_adapter(adapter, model.stack(), names_of(model));
  EXPECT_LT(worst(logits_of(model, golden.at("tokens")), golden.at("logits")), 3e-5);
}

TEST_P(Peft, WrittenAndReadAgain) {
  const TemporaryFolder folder;
  const Adapter adapter = read_adapter(kAdapters + GetParam().adapter);
  write_adapter(folder.file("a"), adapter);
  const Adapter again = read_adapter(folder.file("a"));
  ASSERT_EQ(again.modules.size(), adapter.modules.size());
  for (const auto& [module, pair] : adapter.modules) {
    EXPECT_TRUE(at::equal(again.modules.at(module).a, pair.a));
    EXPECT_TRUE(at::equal(again.modules.at(module).b, pair.b));
    EXPECT_EQ(again.config.scale_of(module), adapter.config.scale_of(module));
  }
  ASSERT_EQ(again.tables.size(), adapter.tables.size());
  for (const auto& [module, pair] : adapter.tables) {
    EXPECT_TRUE(at::equal(again.tables.at(module).a, pair.a));
    EXPECT_TRUE(at::equal(again.tables.at(module).b, pair.b));
  }
  ASSERT_EQ(again.whole.size(), adapter.whole.size());
  for (const auto& [name, value] : adapter.whole) EXPECT_TRUE(at::equal(again.whole.at(name), value));
}

INSTANTIATE_TEST_SUITE_P(Adapters, Peft,
                         testing::Values(Fixture{"llama", "llama"}, Fixture{"gpt2", "gpt2"},
                                         Fixture{"gpt_neox", "gpt_neox"}, Fixture{"llama_expressions", "llama"},
                                         Fixture{"llama_tables", "llama"}, Fixture{"llama_layers", "llama"},
                                         Fixture{"llama_saved", "llama"}, Fixture{"gpt2_biases", "gpt2_scaled"},
                                         Fixture{"gpt_neox_biases", "gpt_neox"}, Fixture{"opt_linear", "opt_post"}),
                         [](const auto& info) { return std::string(info.param.adapter); });

TEST(PeftTensors, RowsOfOneWeightStackUp) {
  const Tensor a1 = at::randn({2, 5}), b1 = at::randn({3, 2}), a2 = at::randn({1, 5}), b2 = at::randn({2, 1});
  const LowRank change = stack_low_rank({{a1, b1, 0.5, 0}, {a2, b2, 2, 4}}, 7);
  Tensor want = at::zeros({7, 5});
  want.slice(0, 0, 3).copy_(0.5 * at::mm(b1, a1));
  want.slice(0, 4, 6).copy_(2 * at::mm(b2, a2));
  EXPECT_LT(worst(change.scale * at::mm(change.b, change.a), want), 1e-6);
  EXPECT_THAT([&] { stack_low_rank({{a1, b1, 1, 5}}, 7); },
              ThrowsMessage<Error>(HasSubstr("within 7, got 3 from row 5")));
}

TEST(PeftTensors, WhatDoesNotFitIsRefused) {
  const Model model = base_of("llama");
  const auto refused = [&](const std::function<void(Adapter&)>& change) {
    Adapter adapter = read_adapter(kAdapters + "llama");
    change(adapter);
    try {
      (void)adapter_overlay(adapter, model.stack(), names_of(model));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string q = "model.layers.0.self_attn.q_proj";
  EXPECT_EQ(refused([](Adapter&) {}), "");
  EXPECT_THAT(refused([&](Adapter& a) { a.modules["model.layers.9.self_attn.q_proj"] = a.modules[q]; }),
              HasSubstr("no layer 'model.layers.9.self_attn.q_proj'"));
  EXPECT_THAT(refused([&](Adapter& a) { a.modules["model.embed_tokens"] = a.modules[q]; }),
              HasSubstr("expected a linear layer"));
  EXPECT_THAT(refused([&](Adapter& a) { a.tables[q] = a.modules[q], a.modules.erase(q); }),
              HasSubstr("expected a table of tokens"));
  EXPECT_THAT(refused([&](Adapter& a) { a.modules[q].b = at::zeros({3, 2}); }), HasSubstr("expected A [rank, 16]"));
  EXPECT_THAT(refused([&](Adapter& a) { a.modules["model.layers.0.self_attn.o_proj"] = a.modules[q]; }),
              HasSubstr("'model.layers.0.self_attn.o_proj' has matrices, but the config's target_modules"));
  EXPECT_THAT(refused([&](Adapter& a) { a.config.layers_to_transform = {1}; }), HasSubstr("has matrices, but"));
  EXPECT_THAT(refused([&](Adapter& a) { a.config.modules_to_save = {"lm_head"}; }),
              HasSubstr("modules_to_save asks for 'lm_head.weight'"));
  EXPECT_THAT(refused([&](Adapter& a) {
                a.config.modules_to_save = {"lm_head"};
                a.whole["lm_head.weight"] = at::zeros({3});
              }),
              HasSubstr("expected [40, 16] as in the model"));
  EXPECT_THAT(refused([&](Adapter& a) { a.modules.erase(q); }),
              HasSubstr("names '" + q + "', but the adapter holds no"));
}

// A tied head is the table of tokens: PEFT would change one and not the other.
TEST(PeftTensors, TiedTablesAreLeftAlone) {
  const Model model = base_of("llama_linear");
  const auto refused = [&](const std::string& module, bool whole) {
    Adapter adapter;
    adapter.config.target_modules.names = {"embed_tokens", "lm_head"};
    if (whole) adapter.config.modules_to_save = adapter.config.target_modules.names;
    if (whole)
      adapter.whole[module + ".weight"] = at::zeros({40, 16});
    else
      adapter.tables[module] = {at::zeros({8, 40}), at::zeros({16, 8})};
    return std::string(message_of([&] { (void)adapter_overlay(adapter, model.stack(), names_of(model)); }));
  };
  for (const bool whole : {false, true}) {
    EXPECT_THAT(refused("model.embed_tokens", whole), HasSubstr("which the head is tied to"));
    EXPECT_THAT(refused("lm_head", whole), HasSubstr("a head that is tied"));
  }
}

TEST(PeftTensors, NamesThatPeftWouldIgnoreAreRefused) {
  const TemporaryFolder folder;
  const std::string good = kAdapters + "llama";
  const auto refused = [&](const std::function<void(NamedTensors&)>& change) {
    NamedTensors tensors = load_tensors(good + "/adapter_model.safetensors");
    change(tensors);
    std::filesystem::copy_file(good + "/adapter_config.json", folder.file("adapter_config.json"),
                               std::filesystem::copy_options::overwrite_existing);
    save_tensors(folder.file("adapter_model.safetensors"), tensors);
    try {
      (void)read_adapter(folder.path());
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
  EXPECT_EQ(refused([](NamedTensors&) {}), "");
  EXPECT_THAT(refused([&](NamedTensors& t) { t["model.layers.0.self_attn.q_proj.lora_A.weight"] = t[q + "A.weight"]; }),
              HasSubstr("PEFT applies nothing under other names"));
  EXPECT_THAT(refused([&](NamedTensors& t) { t["base_model.model.lm_head.weight"] = at::zeros({40, 16}); }),
              HasSubstr("modules_to_save or bias"));
  EXPECT_THAT(refused([&](NamedTensors& t) { t.erase(q + "B.weight"); }), HasSubstr("found only lora_A"));
  EXPECT_THAT(refused([&](NamedTensors& t) { t[q + "A.default.weight"] = t[q + "A.weight"]; }),
              HasSubstr("a second time"));
  EXPECT_THAT(refused([&](NamedTensors& t) { t[q + "A.weight"] = at::zeros({5, 16}); }), HasSubstr("expected rank 2"));
  EXPECT_THAT(refused([&](NamedTensors& t) { t[q + "A.weight"] = at::zeros({2}); }),
              HasSubstr("expected two dimensions"));
  EXPECT_THAT(refused([&](NamedTensors& t) { t[q + "A.weight"] = at::zeros({2, 16}, at::kLong); }),
              HasSubstr("expected floating-point numbers"));
}

}  // namespace
}  // namespace strata
