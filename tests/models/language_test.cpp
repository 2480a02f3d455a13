#include "strata/models/language.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/blocks/tokens.h"
#include "strata/models/model.h"
#include "strata/models/tensor_file.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/stack/run.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::ThrowsMessage;

const std::string kFolder = "tests/golden/hf_language/";  // tests/golden/hf_language.py: transformers 5.23

std::vector<std::string> variants() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kFolder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

Tensor logits_of(const Model& model, const Tensor& tokens, const RowsPtr& rows) {
  return run(model.stack(), identity(model.depth()), token_stream(tokens, rows)).x();
}

double worst(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

struct Golden {
  NamedTensors tensors;
  RowsPtr rows;
  explicit Golden(const std::string& variant)
      : tensors(load_tensors(kFolder + variant + "/expected/golden.safetensors")) {
    const Tensor& lengths = tensors.at("lengths");
    rows = ragged_rows({lengths.const_data_ptr<int64_t>(), lengths.const_data_ptr<int64_t>() + lengths.numel()});
  }
  const Tensor& operator[](const std::string& name) const { return tensors.at(name); }
};

class HuggingFace : public testing::TestWithParam<std::string> {};

TEST_P(HuggingFace, LogitsAreTheirs) {
  const Golden golden(GetParam());
  const Model model = open_model(kFolder + GetParam());
  EXPECT_LT(worst(logits_of(model, golden["tokens"], golden.rows), golden["logits"]), 2e-5);
}

TEST_P(HuggingFace, SavedAndOpenedAgainIsTheSame) {
  const Golden golden(GetParam());
  const Model model = open_model(kFolder + GetParam());
  const TemporaryFolder folder;
  save_model(folder.file("model"), model);
  const Model again = open_model(folder.file("model"));
  EXPECT_TRUE(
      at::equal(logits_of(again, golden["tokens"], golden.rows), logits_of(model, golden["tokens"], golden.rows)));
  // What was in config.json is in it still, with the same values, under the names of both versions.
  const json before = json::parse(read_text(kFolder + GetParam() + "/config.json", 1 << 20));
  const json after = json::parse(read_text(folder.file("model/config.json"), 1 << 20));
  for (const auto& [key, value] : before.items()) {
    // float32 now; a window that is off may be null, and need not begin beyond the last layer
    if (key == "dtype" || key == "sliding_window" || key == "max_window_layers") continue;
    EXPECT_EQ(after.value(key, json()), value) << key;
  }
}

TEST_P(HuggingFace, CachedRowsAreThoseOfAWholePass) {
  const Golden golden(GetParam());
  const Model model = open_model(kFolder + GetParam());
  if (model.language.rope.type == "dynamic" || model.language.rope.type == "longrope")
    GTEST_SKIP() << "keys in the cache keep the frequencies of the length at which they were seen";
  Caches caches;
  const RunOptions options{.caches = &caches};
  const Route route = identity(model.depth());
  // Sequences of 11, 1 and 6 rows: the first goes on from row 7, the last from row 3, in pieces of 1 and 3 rows.
  const Tensor tokens = golden["tokens"];
  const auto pieces = tokens.split_with_sizes({11, 1, 6});
  const auto go = [&](std::vector<int64_t> from, std::vector<int64_t> to) {
    std::vector<Tensor> parts;
    std::vector<int64_t> lengths;
    for (size_t s = 0; s < 3; ++s) {
      parts.push_back(pieces[s].slice(0, from[s], to[s]));
      lengths.push_back(to[s] - from[s]);
    }
    return run(model.stack(), route, token_stream(at::cat(parts), continued_rows(lengths, from)), options).x();
  };
  go({0, 0, 0}, {7, 1, 3});
  const auto mark = caches.mark();
  EXPECT_LT(worst(go({7, 1, 3}, {8, 1, 4}).slice(0, 0, 1), golden["logits"].slice(0, 7, 8)), 2e-5);
  const Tensor rest = go({8, 1, 4}, {11, 1, 6});
  EXPECT_LT(worst(rest.slice(0, 0, 3), golden["logits"].slice(0, 8, 11)), 2e-5);
  EXPECT_LT(worst(rest.slice(0, 3, 5), golden["logits"].slice(0, 16, 18)), 2e-5);
  EXPECT_EQ(mark.size(), static_cast<size_t>(model.depth()));
}

TEST_P(HuggingFace, TheFutureIsNotSeen) {
  const Golden golden(GetParam());
  const Model model = open_model(kFolder + GetParam());
  if (model.language.rope.type == "dynamic" || model.language.rope.type == "longrope")
    GTEST_SKIP() << "the length of the sequence sets the frequencies";
  const Tensor changed = golden["tokens"].clone();
  changed.slice(0, 6, 11) = (changed.slice(0, 6, 11) + 7) % model.language.vocab;
  const Tensor before = logits_of(model, golden["tokens"], golden.rows), after = logits_of(model, changed, golden.rows);
  EXPECT_LT(worst(before.slice(0, 0, 6), after.slice(0, 0, 6)), 1e-6);
  EXPECT_GT(worst(before.slice(0, 6, 11), after.slice(0, 6, 11)), 1e-2);
  EXPECT_LT(worst(before.slice(0, 11), after.slice(0, 11)), 1e-6);  // other sequences
}

INSTANTIATE_TEST_SUITE_P(Language, HuggingFace, testing::ValuesIn(variants()),
                         [](const auto& info) { return info.param; });

// A copy of a fixture that a test can change.
class Changed {
 public:
  explicit Changed(const std::string& variant) : variant_(variant) {
    for (const auto& entry : fs::directory_iterator(kFolder + variant))
      if (entry.is_regular_file()) fs::copy(entry.path(), folder_.file(entry.path().filename().string()));
  }
  json config() const { return json::parse(read_text(folder_.file("config.json"), 1 << 20)); }
  void write(const json& config) const { std::ofstream(folder_.file("config.json"), std::ios::trunc) << config.dump(); }
  void set(const char* key, const json& value) const {
    json tree = config();
    tree[key] = value;
    write(tree);
  }
  void remove(const char* key) const {
    json tree = config();
    tree.erase(key);
    write(tree);
  }
  Model open() const { return open_model(folder_.path()); }
  std::string file(const std::string& name) const { return folder_.file(name); }
  void same_logits() const {
    const Golden golden(variant_);
    EXPECT_LT(worst(logits_of(open(), golden["tokens"], golden.rows), golden["logits"]), 2e-5);
  }
  void other_logits() const {
    const Golden golden(variant_);
    EXPECT_GT(worst(logits_of(open(), golden["tokens"], golden.rows), golden["logits"]), 1e-3);
  }
  void refuses(const std::string& because) const {
    EXPECT_THAT([this] { open(); }, ThrowsMessage<Error>(HasSubstr(because)));
  }

 private:
  std::string variant_;
  TemporaryFolder folder_;
};

TEST(LanguageConfigs, OlderFilesSayTheSame) {
  for (const char* variant : {"llama_linear", "llama_llama3", "llama_dynamic", "llama_yarn"}) {
    SCOPED_TRACE(variant);
    const Changed model(variant);
    json tree = model.config();
    json scaling = tree["rope_parameters"];
    tree["rope_theta"] = scaling["rope_theta"];
    scaling["type"] = scaling["rope_type"];
    scaling.erase("rope_theta");
    scaling.erase("rope_type");
    tree["rope_scaling"] = scaling;
    tree.erase("rope_parameters");
    tree["torch_dtype"] = tree["dtype"];
    tree.erase("dtype");
    model.write(tree);
    model.same_logits();
    tree["rope_theta"] = 10000.0;
    model.write(tree);
    model.other_logits();
  }
  const Changed neox("gpt_neox_sequential");
  json tree = neox.config();
  tree["rotary_pct"] = tree["rope_parameters"]["partial_rotary_factor"];
  tree["rotary_emb_base"] = tree["rope_parameters"]["rope_theta"];
  tree.erase("rope_parameters");
  neox.write(tree);
  neox.same_logits();
  // Version 4.48 says both twice; transformers reads gpt_neox's own names alone.
  tree["rope_theta"] = tree["rotary_emb_base"];
  tree["partial_rotary_factor"] = tree["rotary_pct"];
  neox.write(tree);
  neox.same_logits();
  json theta = tree;
  theta["rope_theta"] = 5000;
  neox.write(theta);
  neox.refuses("rope_theta: expected 500, as this architecture's own key says");
  tree["partial_rotary_factor"] = 0.25;
  neox.write(tree);
  neox.refuses("partial_rotary_factor: expected 0.5, as this architecture's own key says");
}

TEST(LanguageConfigs, AbsentKeysHaveTheirClassesDefaults) {
  const auto read = [](json tree) {
    const TemporaryFolder folder;
    std::ofstream(folder.file("config.json")) << tree.dump();
    return open_model_header(folder.path()).language;
  };
  EXPECT_EQ(read({{"model_type", "mistral"}}).window, 4096);
  EXPECT_EQ(read({{"model_type", "mistral"}, {"sliding_window", nullptr}}).window, 0);
  EXPECT_EQ(read({{"model_type", "qwen3"}, {"hidden_size", 1024}, {"num_attention_heads", 16}}).head_dim, 128);
  EXPECT_EQ(read({{"model_type", "qwen2"}, {"sliding_window", 32768}}).window, 0);
  EXPECT_TRUE(read({{"model_type", "gpt2"}}).tied);
  EXPECT_TRUE(read({{"model_type", "opt"}}).tied);
  EXPECT_FALSE(read({{"model_type", "llama"}}).tied);
  EXPECT_EQ(read({{"model_type", "gpt_neox"}}).rope.partial, 0.25);
  EXPECT_EQ(read({{"model_type", "llama"}, {"rms_norm_eps", nullptr}}).norm_eps, 1e-6);
  EXPECT_EQ(read({{"model_type", "qwen2"}}).kv_heads, 32);
  EXPECT_EQ(read({{"model_type", "mistral"}}).kv_heads, 8);
}

TEST(LanguageConfigs, NullIsNotAlwaysTheDefault) {
  const Changed window("qwen2"), heads("qwen2");
  window.set("sliding_window", nullptr);
  window.other_logits();
  EXPECT_EQ(window.open().language.window, 0);
  heads.set("num_key_value_heads", nullptr);
  EXPECT_EQ(open_model_header(heads.file("")).language.kv_heads, 4) << "as many as heads, not the class's 32";
}

TEST(LanguageConfigs, WhatCouldChangeTheMathsIsRefusedByName) {
  const auto refuses = [](const char* variant, const char* key, const json& value, const std::string& because) {
    SCOPED_TRACE(key);
    const Changed model(variant);
    model.set(key, value);
    model.refuses(because);
  };
  refuses(
      "llama", "final_logit_softcapping", 30.0,
      "final_logit_softcapping: expected no such key, found 30.0, which could change what the model computes; if it "
      "does not change the model, delete the key");
  for (const char* key : {"attention_multiplier", "logits_scaling", "embedding_multiplier", "attn_logit_softcapping",
                          "rope_interleaved", "sliding_window", "use_logn_attn", "compression_config"})
    refuses("llama", key, key[0] == 'r' || key[0] == 'u' ? json(true) : json(3), key);
  refuses("opt", "learned_embeddings", false, "learned_embeddings: expected true");
  refuses("opt", "scale_embeddings", true, "scale_embeddings: expected no such key");
  refuses("llama", "num_local_experts", 8, "num_local_experts");
  refuses("llama", "hidden_act", "xielu", "xielu");
  refuses("llama", "hidden_size", "16", "hidden_size: expected a whole number");
  refuses("llama", "hidden_size", 16.5, "hidden_size: expected a whole number");
  refuses("llama", "rope_scaling", {{"rope_type", "spiral"}, {"factor", 2.0}}, "rope_type: expected default");
  refuses("llama", "rope_scaling", {{"rope_type", "llama3"}, {"factor", 2.0}}, "low_freq_factor");
  refuses("llama", "rope_scaling", {{"rope_type", "linear"}}, "factor");
  refuses("llama", "rope_scaling", {{"rope_type", "linear"}, {"factor", 0.0}}, "factor: expected a number from");
  refuses("llama", "rope_scaling",
          {{"rope_type", "llama3"}, {"factor", 2.0}, {"low_freq_factor", 2.0}, {"high_freq_factor", 2.0}},
          "high_freq_factor: expected another number");
  refuses("llama", "rope_parameters", {{"full_attention", {{"rope_type", "default"}}}}, "one table for all layers");
  refuses("llama", "rope_parameters", {{"sliding_attention", nullptr}}, "one table for all layers");
  refuses("llama", "quantization_config", {{"bits", 4}}, "quantization_config");
  refuses("llama", "model_type", "bert", "model_type");
  refuses("llama", "num_key_value_heads", 3, "multiple of kv_heads");
  refuses("qwen2", "layer_types", {"sliding_attention"}, "layer_types: expected one for each of 3 layers");
  // What says nothing about the maths may be there.
  const Changed model("llama");
  model.set("unsloth_version", "2026.1");
  model.set("max_new_tokens", 7);
  model.set("some_flag", false);
  model.set("loss_type", "ForCausalLMLoss");
  model.set("keys_to_ignore_at_inference", {"past_key_values"});
  model.set("adapters", {{"adapters", json::object()}, {"config_map", json::object()}});
  model.same_logits();
}

// The classes of transformers ignore the share of heads that turns, but for gpt_neox: read as it stands it would give
// other logits than they do.
TEST(LanguageConfigs, OnlyNeoxTurnsAPartOfEachHead) {
  for (const char* variant : {"llama", "mistral", "qwen2_plain", "qwen3"}) {
    SCOPED_TRACE(variant);
    const Changed model(variant), table(variant), whole(variant);
    model.set("partial_rotary_factor", 0.5);
    model.refuses("partial_rotary_factor: expected 1");
    json rope = table.config()["rope_parameters"];
    rope["partial_rotary_factor"] = 0.25;
    table.set("rope_parameters", rope);
    table.refuses("partial_rotary_factor: expected 1");
    whole.set("partial_rotary_factor", 1.0);
    whole.same_logits();
  }
  LanguageConfig config{.channels = 16, .depth = 1, .heads = 2, .hidden = 24};
  config.rope.partial = 0.5;
  EXPECT_THAT([&] { make_model(config, Random(1)); },
              ThrowsMessage<Error>(HasSubstr("files of family llama cannot say its rotary share")));
  const Changed neox("gpt_neox");
  EXPECT_EQ(neox.open().language.rope.partial, 0.25);
  const TemporaryFolder folder;
  save_model(folder.file("m"), neox.open());
  EXPECT_EQ(open_model_header(folder.file("m")).language.rope.partial, 0.25);
}

// What configurations of published checkpoints say beside the model's sizes: it opens, and computes the same.
TEST(LanguageConfigs, KeysOfPublishedCheckpointsDoNoHarm) {
  const std::vector<std::pair<const char*, json>> published = {
      {"llama", {{"max_sequence_length", 2048}, {"pretraining_tp", 1}, {"_name_or_path", "/data/llama-7b"}}},
      {"llama",
       {{"is_llama_config", true},
        {"rope_interleaved", false},
        {"transformers.js_config", {{"kv_cache_dtype", {{"q4f16", "float16"}, {"fp16", "float16"}}}}}}},
      {"llama", {{"unsloth_fixed", true}, {"unsloth_version", "2024.9"}, {"pad_token_id", 5}}},
      {"llama", {{"num_logits_to_keep", 1}, {"seq_length", 4096}, {"model_max_length", 4096}, {"mlp_bias", false}}},
      {"mistral", {{"attention_dropout", 0.1}, {"attn_implementation", "flash_attention_2"}, {"max_seq_len", 32768}}},
      {"qwen2_plain", {{"use_mrope", false}, {"seq_length", 32768}, {"max_window_layers", 28}}},
      {"qwen3", {{"use_sliding_window", false}, {"sliding_window", nullptr}, {"unsloth_fixed", true}}},
      {"gpt2",
       {{"n_special", 0},
        {"predict_special_tokens", true},
        {"output_past", true},
        {"_num_labels", 1},
        {"afn", "gelu"},
        {"summary_first_dropout", 0.1},
        {"task_specific_params", {{"text-generation", {{"do_sample", true}, {"max_length", 50}}}}}}},
      {"gpt_neox", {{"attention_probs_dropout_prob", 0}, {"hidden_dropout_prob", 0.1}, {"num_steps", "global_step1"}}},
      {"gpt_neox_sequential",
       {{"custom_pipelines",
         {{"text-generation", {{"impl", "instruct_pipeline.InstructionTextGenerationPipeline"}}}}}}},
      {"opt",
       {{"activation_dropout", 0.0}, {"prefix", "</s>"}, {"learned_embeddings", true}, {"scale_embeddings", false}}},
  };
  for (const auto& [variant, keys] : published) {
    SCOPED_TRACE(variant + (" " + keys.dump()));
    const Changed model(variant);
    json tree = model.config();
    tree.update(keys);
    model.write(tree);
    model.same_logits();
  }
  const Changed yarn("llama_yarn");
  json tree = yarn.config();
  tree["rope_parameters"]["finetuned"] = true;
  yarn.write(tree);
  yarn.same_logits();
}

// transformers fails, or, of three channels, ramps both pairs as one.
TEST(LanguageFiles, YarnOfAnOddNumberOfChannelsIsRefused) {
  const Changed model("gpt_neox_odd");
  json tree = model.config();
  tree["rope_scaling"] = nullptr;
  tree["rope_parameters"] = {
      {"rope_type", "yarn"}, {"rope_theta", 500.0}, {"factor", 2.0}, {"partial_rotary_factor", 0.25}};
  model.write(tree);
  model.refuses("yarn expects an even number of channels to turn, got a share of 0.25 of 12");
}

TEST(LanguageFiles, BareModelsAndBuffersOpen) {
  for (const char* variant : {"gpt2", "llama_linear", "opt", "gpt_neox_sequential"}) {
    SCOPED_TRACE(variant);
    const Changed model(variant);
    NamedTensors bare;
    for (const auto& [name, value] : load_tensors(model.file("model.safetensors"))) {
      std::string short_name = name;
      for (const char* prefix : {"model.", "transformer.", "gpt_neox."})
        if (name.starts_with(prefix)) short_name = name.substr(std::string(prefix).size());
      bare[short_name] = value;
    }
    if (std::string(variant) == "gpt2") bare["h.0.attn.bias"] = at::ones({1, 1, 32, 32}, at::kBool);
    if (std::string(variant) == "llama_linear") bare["layers.0.self_attn.rotary_emb.inv_freq"] = at::ones({2});
    save_tensors(model.file("model.safetensors"), bare);
    model.same_logits();
  }
}

TEST(LanguageFiles, TiedTablesFollowTheFile) {
  const auto rewrite = [](const Changed& model, auto&& change) {
    NamedTensors tensors = load_tensors(model.file("model.safetensors"));
    change(tensors);
    save_tensors(model.file("model.safetensors"), tensors);
  };
  const std::string table = "model.embed_tokens.weight", head = "lm_head.weight";
  const Changed only_head("llama_linear"), both("llama_linear"), different("llama_linear"), missing("llama");
  rewrite(only_head, [&](NamedTensors& t) { t[head] = t.at(table), t.erase(table); });
  only_head.same_logits();
  rewrite(both, [&](NamedTensors& t) { t[head] = t.at(table).clone(); });
  both.same_logits();
  EXPECT_TRUE(both.open().language.tied);
  rewrite(different, [&](NamedTensors& t) { t[head] = t.at(table) + 1; });
  different.other_logits();
  EXPECT_FALSE(different.open().language.tied);
  rewrite(missing, [&](NamedTensors& t) { t.erase(head); });
  missing.refuses("1 missing: lm_head.weight");
}

TEST(LanguageFiles, WhatGoesWithAModelGoesOnWithIt) {
  const Changed model("llama");
  std::ofstream(model.file("tokenizer.json")) << R"({"version": "1.0"})";
  std::ofstream(model.file("generation_config.json")) << R"({"eos_token_id": [2, 3]})";
  model.set("eos_token_id", {2, 3});
  const TemporaryFolder folder;
  save_model(folder.file("copy"), model.open());
  EXPECT_EQ(read_text(folder.file("copy/tokenizer.json"), 1000), R"({"version": "1.0"})");
  EXPECT_EQ(read_text(folder.file("copy/generation_config.json"), 1000), R"({"eos_token_id": [2, 3]})");
  EXPECT_EQ(json::parse(read_text(folder.file("copy/config.json"), 10000))["eos_token_id"], json({2, 3}));
}

TEST(LanguageModels, ParallelBlocksAreTheirPartsSideBySide) {
  const Golden golden("gpt_neox");
  const Model model = open_model(kFolder + "gpt_neox");
  const auto go = [&](const char* route) {
    return run(model.stack(), parse_route(route), token_stream(golden["tokens"], golden.rows)).x();
  };
  EXPECT_TRUE(at::equal(go("0,1"), go("0.mixer+0.ffn,1.mixer+1.ffn")));
  EXPECT_GT(worst(go("0,1"), go("0.mixer,0.ffn,1")), 1e-3);
  EXPECT_GT(worst(go("0,1"), go("1,0")), 1e-3);
}

TEST(LanguageModels, HeadsARouteKeepsAreThoseOfTheWhole) {
  // With the output columns of the other heads at zero, keeping some heads changes nothing; grouped keys included.
  Model model = open_model(kFolder + "llama");
  const Golden golden("llama");
  const int64_t head_dim = 4;
  for (const char* weight : {"blocks.0.mixer.out.weight", "blocks.1.mixer.out.weight"}) {
    const Tensor out = model.stack().weights.at(weight).clone();
    for (const int64_t head : {0, 2}) out.slice(1, head * head_dim, (head + 1) * head_dim).zero_();
    model.stack().weights.set(weight, out);
  }
  const auto go = [&](const char* route) {
    return run(model.stack(), parse_route(route), token_stream(golden["tokens"], golden.rows)).x();
  };
  EXPECT_LT(worst(go("0,1"), go("0[heads=1,3],1[heads=1,3]")), 1e-5);
}

TEST(LanguageModels, GradientsReachEveryWeight) {
  for (const char* variant : {"llama_linear", "qwen3", "gpt2", "gpt_neox", "opt_post"}) {
    SCOPED_TRACE(variant);
    Model model = open_model(kFolder + variant);
    for (auto& entry : model.stack().weights.entries()) entry.value.requires_grad_(true);
    const Golden golden(variant);
    logits_of(model, golden["tokens"], golden.rows).pow(2).sum().backward();
    for (const auto& entry : model.stack().weights.entries())
      EXPECT_TRUE(entry.value.grad().defined() && entry.value.grad().abs().max().item<double>() > 0) << entry.name;
  }
}

TEST(LanguageModels, BadTokensAndTooLongSequencesAreRefused) {
  const Model model = open_model(kFolder + "gpt2");
  const auto go = [&](const Tensor& tokens) { return logits_of(model, tokens, equal_rows(1, tokens.numel())); };
  EXPECT_THAT([&] { go(at::tensor({1, 40}, at::kLong)); }, ThrowsMessage<Error>(HasSubstr("tokens from 0 to 39")));
  EXPECT_THAT([&] { go(at::tensor({-1}, at::kLong)); }, ThrowsMessage<Error>(HasSubstr("got -1")));
  EXPECT_THAT([&] { go(at::zeros({33}, at::kLong)); }, ThrowsMessage<Error>(HasSubstr("positions")));
  EXPECT_THAT([&] { go(at::zeros({3})); }, ThrowsMessage<Error>(HasSubstr("int64")));
}

TEST(LanguageModels, SizesByName) {
  for (const auto& name : language_sizes()) {
    const Stack stack = wire_language(language_size(name));
    EXPECT_FALSE(params_of(stack).empty()) << name;
  }
  EXPECT_EQ(make_language(language_size("bytes"), Random(1)).weights.parameters(),
            256 * 64 + 256 * 64 + 6 * 49984 + 128);
  EXPECT_THAT([] { language_size("huge"); }, ThrowsMessage<Error>(HasSubstr("known sizes")));
}

}  // namespace
}  // namespace strata
