#include "strata/formats/peft_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "strata/base/error.h"

namespace strata {
namespace {

using testing::HasSubstr;

PeftConfig read(const std::string& rest) {
  return peft_config_from_json(R"({"peft_type": "LORA", "target_modules": ["q_proj", "mlp.down_proj"])" + rest + "}",
                               "c");
}

std::string refusal(const std::string& text) {
  try {
    (void)peft_config_from_json(text, "c");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}
std::string refusal_with(const std::string& rest) {
  return refusal(R"({"peft_type": "LORA", "target_modules": ["q_proj"], )" + rest + "}");
}

TEST(PeftConfig, LeastConfigHasPeftsDefaults) {
  const PeftConfig config = read("");
  EXPECT_EQ(config.rank, 8);
  EXPECT_EQ(config.scale_of("model.layers.0.self_attn.q_proj"), 1);
  EXPECT_TRUE(config.targets("model.layers.0.self_attn.q_proj", true));
  EXPECT_TRUE(config.targets("model.layers.0.mlp.down_proj", true));
  EXPECT_FALSE(config.targets("model.layers.0.mlp.q_projx", true));
  EXPECT_FALSE(config.targets("model.layers.0.attn.xq_proj", true));
}

TEST(PeftConfig, ScalesByRankPatternAndRoot) {
  EXPECT_DOUBLE_EQ(read(R"(, "r": 4, "lora_alpha": 16)").scale_of("a.q_proj"), 4);
  EXPECT_DOUBLE_EQ(read(R"(, "r": 4, "lora_alpha": 16, "use_rslora": true)").scale_of("a.q_proj"), 8);
  const PeftConfig config = read(
      R"j(, "r": 4, "lora_alpha": 16, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {".*\\.(down_proj|k_proj)": 6})j");
  EXPECT_EQ(config.rank_of("x.q_proj"), 2);
  EXPECT_DOUBLE_EQ(config.scale_of("x.q_proj"), 8);
  EXPECT_EQ(config.rank_of("x.mlp.down_proj"), 4);
  EXPECT_DOUBLE_EQ(config.scale_of("x.mlp.down_proj"), 1.5);
}

TEST(PeftConfig, Targets) {
  const auto targets = [](const std::string& value) {
    return peft_config_from_json(R"({"peft_type": "LORA", "target_modules": )" + value + "}", "c");
  };
  EXPECT_TRUE(targets(R"("all-linear")").targets("anything", true));
  EXPECT_FALSE(targets(R"("all-linear")").targets("lm_head", false));
  EXPECT_TRUE(targets(R"j(".*\\.(q_proj|v_proj)")j").targets("a.v_proj", true));
  EXPECT_TRUE(targets(R"(["model.layers.1.q_proj"])").targets("model.layers.1.q_proj", true));
  EXPECT_THAT(refusal(R"({"peft_type": "LORA", "target_modules": "model.layers.[0-3].*"})"),
              HasSubstr("c: target_modules"));
  EXPECT_THAT(refusal(R"({"peft_type": "LORA", "target_modules": []})"), HasSubstr("at least one name"));
  EXPECT_THAT(refusal(R"({"peft_type": "LORA"})"), HasSubstr("target_modules"));
}

TEST(PeftConfig, WhatChangesWeightsIsRefusedByName) {
  EXPECT_EQ(
      refusal_with(R"("inference_mode": true, "peft_version": "0.21.2", "modules_to_save": null, "use_dora": false,
      "layers_to_transform": null, "loftq_config": {}, "megatron_core": "megatron.core", "init_lora_weights": true)"),
      "");
  for (const char* key : {R"("use_dora": true)", R"("use_qalora": true)", R"("layer_replication": [[0, 4]])",
                          R"("modules_to_save": ["lm_head"])", R"("target_parameters": ["a"])", R"("lora_bias": true)",
                          R"("trainable_token_indices": [1])", R"("alora_invocation_tokens": [5])",
                          R"("layers_to_transform": 3)", R"("use_bdlora": {"x": 1})", R"("something_new": 1)"})
    EXPECT_THAT(refusal_with(key), HasSubstr("null or false")) << key;
  EXPECT_THAT(refusal_with(R"("bias": "all")"), HasSubstr("c: bias: expected \"none\""));
  EXPECT_THAT(refusal_with(R"("init_lora_weights": "pissa_niter_4")"), HasSubstr("init_lora_weights"));
  EXPECT_THAT(refusal_with(R"("r": 0)"), HasSubstr("c: r"));
  EXPECT_THAT(refusal_with(R"j("rank_pattern": {"^model\\.(a|b[0-9])": 3})j"), HasSubstr("rank_pattern"));
  EXPECT_THAT(refusal(R"({"peft_type": "IA3", "target_modules": ["a"]})"), HasSubstr("\"LORA\", the only kind"));
  EXPECT_THAT(refusal("[]"), HasSubstr("c"));
}

TEST(PeftConfig, WrittenAndReadAgain) {
  PeftConfig config{.rank = 3, .alpha = 5, .dropout = 0.1, .rslora = true, .fan_in_fan_out = true};
  config.target_modules = {"c_attn", "mlp.c_fc"};
  config.rank_pattern = {{"c_fc", 2}};
  config.alpha_pattern = {{"c_fc", 1.5}};
  config.base_model = "gpt2";
  const std::string text = peft_config_to_json(config);
  const PeftConfig again = peft_config_from_json(text, "again");
  EXPECT_EQ(peft_config_to_json(again), text);
  EXPECT_DOUBLE_EQ(again.scale_of("h.0.mlp.c_fc"), 1.5 / std::sqrt(2.0));
}

}  // namespace
}  // namespace strata
