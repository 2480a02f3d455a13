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

TEST(PeftConfig, PatternsNeedNumbersForNames) {
  for (const std::string key : {"rank_pattern", "alpha_pattern"}) {
    EXPECT_THAT(refusal_with('"' + key + R"(": {"q_proj": null})"),
                HasSubstr("c: " + key + ": q_proj: expected a number"));
    EXPECT_THAT(refusal_with('"' + key + R"(": {"q": 2, "q\u0000": 3})"), HasSubstr("expected a number"));
    EXPECT_THAT(refusal_with('"' + key + R"(": {"q": "2"})"), HasSubstr("c: " + key + ": q: expected"));
  }
}

TEST(PeftConfig, Targets) {
  const auto targets = [](const std::string& value) {
    return peft_config_from_json(R"({"peft_type": "LORA", "target_modules": )" + value + "}", "c");
  };
  EXPECT_TRUE(targets(R"("all-linear")").targets("anything", true));
  EXPECT_FALSE(targets(R"("all-linear")").targets("lm_head", false));
  EXPECT_TRUE(targets(R"j(".*\\.(q_proj|v_proj)")j").targets("a.v_proj", true));
  EXPECT_TRUE(targets(R"(["model.layers.1.q_proj"])").targets("model.layers.1.q_proj", true));
  const PeftConfig some = targets(R"("model\\.layers\\.[0-3]\\..*_proj|head")");
  EXPECT_TRUE(some.targets("model.layers.3.mlp.up_proj", true));
  EXPECT_TRUE(some.targets("head", true));
  EXPECT_FALSE(some.targets("lm.head", true)) << "an expression is about the whole path";
  EXPECT_FALSE(some.targets("model.layers.4.mlp.up_proj", true));
  EXPECT_FALSE(some.targets("model.layers.3.mlp.up_proj2", true));
  EXPECT_TRUE(targets(R"("ALL-Linear")").targets("anything", true)) << "whatever its case";
  EXPECT_THAT(refusal(R"({"peft_type": "LORA", "target_modules": "a("})"), HasSubstr("c: target_modules: 'a('"));
  EXPECT_THAT(refusal(R"({"peft_type": "LORA", "target_modules": "a)|(?:b"})"), HasSubstr("c: target_modules"));
  EXPECT_THAT(refusal(R"({"peft_type": "LORA", "target_modules": []})"), HasSubstr("at least one name"));
  EXPECT_THAT(refusal(R"({"peft_type": "LORA"})"), HasSubstr("target_modules"));
}

TEST(PeftConfig, WhatIsLeftOut) {
  const auto targets = [](const std::string& rest, const std::string& module) {
    return read(rest).targets(module, true);
  };
  const std::string one = "model.layers.1.q_proj", two = "model.layers.2.q_proj";
  EXPECT_FALSE(targets(R"(, "exclude_modules": ["layers.1.q_proj"])", one));
  EXPECT_TRUE(targets(R"(, "exclude_modules": ["layers.1.q_proj"])", two));
  EXPECT_FALSE(targets(R"(, "exclude_modules": ".*[13].*")", one));
  EXPECT_TRUE(targets(R"(, "exclude_modules": ".*[13]")", one));
  for (const char* layers : {R"(, "layers_to_transform": 2)", R"(, "layers_to_transform": [0, 2])",
                             R"(, "layers_to_transform": [2], "layers_pattern": "layers")",
                             R"(, "layers_to_transform": [2], "layers_pattern": ["h", "layers"])"}) {
    EXPECT_FALSE(targets(layers, one)) << layers;
    EXPECT_TRUE(targets(layers, two)) << layers;
    EXPECT_TRUE(targets(layers, "q_proj")) << "a path named whole, whatever its layer";
    EXPECT_FALSE(targets(layers, "model.q_proj")) << "no layer";
  }
  EXPECT_FALSE(targets(R"(, "layers_to_transform": [2], "layers_pattern": "h")", two));
  EXPECT_TRUE(targets(R"(, "layers_to_transform": [2])", "model.layers.2.experts.5.q_proj")) << "the first number";
  EXPECT_TRUE(targets(R"(, "layers_to_transform": [])", one));
  // Modules that are trained whole have no matrices.
  EXPECT_FALSE(targets(R"(, "modules_to_save": ["q_proj"])", one));
  EXPECT_TRUE(read(R"(, "modules_to_save": ["layers.1", "norm"])").saves(one));
  EXPECT_FALSE(read(R"(, "modules_to_save": ["layers.1", "norm"])").saves(two));
  EXPECT_TRUE(read(R"(, "modules_to_save": ["norm"])").saves("model.layers.2.input_layernorm"));
}

TEST(PeftConfig, TheFirstPatternThatMatchesCounts) {
  const PeftConfig config =
      read(R"j(, "rank_pattern": {"z.*": 3, "[a-z]_proj": 2, "layers\\.0\\.q_proj": 5, "b": 9})j");
  EXPECT_EQ(config.rank_of("model.layers.0.q_proj"), 2) << "in the order of the file";
  EXPECT_EQ(config.rank_of("model.z.layers.0.q_proj"), 3);
  EXPECT_EQ(config.rank_of("model.layers.0.qq_proj"), 8) << "behind a dot";
  EXPECT_EQ(config.rank_of("a.b"), 9);
  EXPECT_EQ(config.rank_of("a.b.c"), 8);
}

TEST(PeftConfig, WhatChangesWeightsIsRefusedByName) {
  EXPECT_EQ(
      refusal_with(R"("inference_mode": true, "peft_version": "0.21.2", "modules_to_save": null, "use_dora": false,
      "layers_to_transform": null, "loftq_config": {}, "megatron_core": "megatron.core", "init_lora_weights": true)"),
      "");
  for (const char* key :
       {R"("use_dora": true)", R"("use_qalora": true)", R"("layer_replication": [[0, 4]])",
        R"("target_parameters": ["a"])", R"("lora_bias": true)", R"("trainable_token_indices": [1])",
        R"("alora_invocation_tokens": [5])", R"("monteclora_config": {"x": 1})", R"("use_bdlora": {"x": 1})",
        R"("something_new": 1)", R"("ensure_weight_tying": true)", R"("velora_config": {"x": 1})"})
    EXPECT_THAT(refusal_with(key), HasSubstr("expected no such key")) << key;
  EXPECT_THAT(refusal_with(R"("bias": "some")"), HasSubstr("c: bias: expected none, all or lora_only"));
  EXPECT_THAT(refusal_with(R"("layers_to_transform": [-1])"), HasSubstr("c: layers_to_transform"));
  EXPECT_THAT(refusal_with(R"("layers_pattern": "h")"), HasSubstr("c: layers_pattern"));
  EXPECT_THAT(refusal_with(R"("layers_pattern": "h.*", "layers_to_transform": 1)"), HasSubstr("c: layers_pattern"));
  EXPECT_THAT(refusal_with(R"("modules_to_save": [""])"), HasSubstr("c: modules_to_save"));
  EXPECT_THAT(refusal(R"({"peft_type": "LORA", "target_modules": "a.*", "layers_to_transform": 1})"),
              HasSubstr("c: layers_to_transform"));
  EXPECT_THAT(refusal_with(R"("init_lora_weights": "pissa_niter_4")"), HasSubstr("init_lora_weights"));
  EXPECT_THAT(refusal_with(R"("r": 0)"), HasSubstr("c: r"));
  EXPECT_THAT(refusal_with(R"j("rank_pattern": {"^model\\.(a|b[0-9]": 3})j"), HasSubstr("rank_pattern"));
  EXPECT_THAT(refusal(R"({"peft_type": "IA3", "target_modules": ["a"]})"), HasSubstr("\"LORA\", the only kind"));
  EXPECT_THAT(refusal("[]"), HasSubstr("c"));
}

TEST(PeftConfig, WrittenAndReadAgain) {
  PeftConfig config{.rank = 3, .alpha = 5, .dropout = 0.1, .rslora = true, .fan_in_fan_out = true};
  config.target_modules.names = {"c_attn", "mlp.c_fc"};
  config.exclude_modules.expression.emplace(".*\\.7\\..*", PathExpression::Part::whole, "c");
  config.layers_to_transform = {1, 2};
  config.layers_pattern = {"h"};
  config.modules_to_save = {"lm_head"};
  config.bias = "lora_only";
  config.rank_pattern.emplace_back(PathExpression("c_fc", PathExpression::Part::end, "c"), 2);
  config.alpha_pattern.emplace_back(PathExpression("c_fc", PathExpression::Part::end, "c"), 1.5);
  config.base_model = "gpt2";
  const std::string text = peft_config_to_json(config);
  const PeftConfig again = peft_config_from_json(text, "again");
  EXPECT_EQ(peft_config_to_json(again), text);
  EXPECT_DOUBLE_EQ(again.scale_of("h.0.mlp.c_fc"), 1.5 / std::sqrt(2.0));
  EXPECT_TRUE(again.targets("h.1.mlp.c_fc", true));
  EXPECT_FALSE(again.targets("h.7.mlp.c_fc", true));
}

}  // namespace
}  // namespace strata
