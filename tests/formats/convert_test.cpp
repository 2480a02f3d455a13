#include "strata/formats/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

#include "strata/base/error.h"
#include "tests/message_of.h"
#include "tests/sanitizer.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string kModels = "tests/golden/hf_language/";

void expect_same_tensors(const SourceModel& want, const SourceModel& got) {
  ASSERT_EQ(want.tensors.size(), got.tensors.size());
  for (size_t i = 0; i < want.tensors.size(); ++i) {
    EXPECT_EQ(want.tensors[i].name, got.tensors[i].name);
    EXPECT_EQ(want.tensors[i].shape, got.tensors[i].shape) << want.tensors[i].name;
    EXPECT_TRUE(want.tensors[i].values() == got.tensors[i].values()) << want.tensors[i].name;
  }
}

// The file without the config.json it carries, as another program would have written it.
void forget_config(const std::string& from, const std::string& to) {
  const Gguf file(from);
  GgufMetadata metadata = file.metadata();
  std::erase_if(metadata, [](const auto& entry) { return entry.first == "strata.config"; });
  write_gguf(to, metadata, file.tensors());
}

TEST(GgufForms, RowsGoWhereTheyBelong) {
  std::vector<float> rows(12);
  std::iota(rows.begin(), rows.end(), 0.0F);
  const GgufTwin two_heads{"q", "q", GgufForm::interleaved, 2};
  EXPECT_THAT(to_gguf_form(two_heads, rows, 12, 1), testing::ElementsAre(0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11));
  EXPECT_EQ(from_gguf_form(two_heads, to_gguf_form(two_heads, rows, 12, 1), 12, 1), rows);
  const GgufTwin fused{"qkv", "qkv", GgufForm::per_kind, 2};
  EXPECT_THAT(to_gguf_form(fused, rows, 12, 1), testing::ElementsAre(0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11));
  EXPECT_EQ(from_gguf_form(fused, to_gguf_form(fused, rows, 12, 1), 12, 1), rows);
  const GgufTwin turned{"w", "w", GgufForm::transposed};
  EXPECT_THAT(to_gguf_form(turned, rows, 3, 4), testing::ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
  EXPECT_EQ(from_gguf_form(turned, to_gguf_form(turned, rows, 3, 4), 4, 3), rows);
  EXPECT_THAT(message_of([&] { to_gguf_form({"q", "q", GgufForm::interleaved, 5}, rows, 12, 1); }),
              HasSubstr("tensor 'q': expected rows in 5 equal heads, found 12 rows"));
}

class ConvertEach : public testing::TestWithParam<const char*> {};

TEST_P(ConvertEach, ThereAndBackIsTheSame) {
  const TemporaryFolder folder;
  const std::string in = kModels + GetParam();
  const SourceModel model = open_source(in);
  convert_checkpoint(in, folder.file("m.gguf"), {.dtype = "f32"});
  expect_same_tensors(model, open_source(folder.file("m.gguf")));
  convert_checkpoint(folder.file("m.gguf"), folder.file("back"), {});
  const SourceModel back = open_source(folder.file("back"));
  expect_same_tensors(model, back);
  json want(model.config), got(back.config);
  for (const char* key : {"dtype", "torch_dtype"}) want.erase(key), got.erase(key);
  EXPECT_EQ(want, got);
}

TEST_P(ConvertEach, MetadataAloneSaysAsMuch) {
  const TemporaryFolder folder;
  const std::string in = kModels + GetParam();
  convert_checkpoint(in, folder.file("a.gguf"), {.dtype = "f32"});
  forget_config(folder.file("a.gguf"), folder.file("b.gguf"));
  const SourceModel want = open_source(in), got = open_source(folder.file("b.gguf"));
  expect_same_tensors(want, got);
  // Both configurations are one and the same to GGUF.
  GgufMetadata ours = config_to_gguf(json(want.config), "want").metadata,
               theirs = config_to_gguf(json(got.config), "got").metadata;
  for (auto* metadata : {&ours, &theirs})
    std::erase_if(*metadata, [](const auto& entry) { return entry.first == "strata.config"; });
  EXPECT_EQ(ours, theirs);
}

INSTANTIATE_TEST_SUITE_P(Families, ConvertEach,
                         testing::Values("llama", "llama_linear", "llama_sharded", "llama_yarn", "llama_yarn_factor",
                                         "mistral", "mistral_full", "qwen2_plain", "qwen3", "gpt2", "gpt_neox",
                                         "gpt_neox_sequential"),
                         [](const auto& name) { return std::string(name.param); });

TEST(Convert, Llama3ScalingBecomesDivisors) {
  const TemporaryFolder folder;
  const std::string in = kModels + "llama_llama3";
  convert_checkpoint(in, folder.file("a.gguf"), {});
  const Gguf file(folder.file("a.gguf"));
  const GgufTensor* divisors = file.find_tensor("rope_freqs.weight");
  ASSERT_NE(divisors, nullptr);
  const GgufConfig config = config_to_gguf(json(open_source(in).config), in);
  EXPECT_EQ(std::ssize(config.rope_divisors), divisors->count());
  expect_same_tensors(open_source(in), open_source(folder.file("a.gguf")));
  forget_config(folder.file("a.gguf"), folder.file("b.gguf"));
  const json scaling = open_source(folder.file("b.gguf")).config["rope_scaling"];
  EXPECT_EQ(scaling["rope_type"], "longrope");  // the fixture's scaling is not that of a published model
  EXPECT_EQ(scaling["short_factor"].get<std::vector<float>>(), config.rope_divisors);
}

TEST(Convert, TypesAreThoseAskedFor) {
  const TemporaryFolder folder;
  const std::string in = kModels + "qwen3";
  for (const char* dtype : {"f32", "f16", "bf16", "q8_0", "q4_0"}) {
    SCOPED_TRACE(dtype);
    convert_checkpoint(in, folder.file("a.gguf"), {.dtype = dtype});
    const Gguf file(folder.file("a.gguf"));
    const BlockTypeInfo& info = block_type_info(*parse_block_type(dtype));
    for (const GgufTensor& tensor : file.tensors()) {
      const bool fits = tensor.shape.back() % info.values == 0;
      const std::string_view want = tensor.shape.size() < 2 ? "F32" : fits ? info.name : "F16";
      EXPECT_EQ(block_type_info(tensor.type).name, want) << tensor.name;
    }
    EXPECT_EQ(convert_checkpoint(folder.file("a.gguf"), folder.file("back"), {.dtype = "bf16"}).to, "hf");
    EXPECT_EQ(open_source(folder.file("back")).config["dtype"], "bfloat16");
  }
}

TEST(Convert, Qwen2WithoutItsWindow) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of([&] { convert_checkpoint(kModels + "qwen2", folder.file("a.gguf"), {}); }),
              HasSubstr("use_sliding_window: expected false"));
  std::filesystem::copy(kModels + "qwen2", folder.file("in"));
  json config = json::parse(read_text(folder.file("in/config.json"), 1 << 20));
  config["use_sliding_window"] = false;
  write_file_atomic(folder.file("in/config.json"), config.dump());
  convert_checkpoint(folder.file("in"), folder.file("a.gguf"), {});
  expect_same_tensors(open_source(folder.file("in")), open_source(folder.file("a.gguf")));
  EXPECT_EQ(Gguf(folder.file("a.gguf")).text("general.architecture"), "qwen2");
}

TEST(Convert, SaysWhatGgufCannot) {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::string& in, const std::string& out = "a.gguf", ConvertOptions options = {}) {
    return message_of([&] { convert_checkpoint(in, folder.file(out), options); });
  };
  EXPECT_THAT(refusal(kModels + "opt"), HasSubstr("expected a model of type llama"));
  EXPECT_THAT(refusal(kModels + "llama_dynamic"), HasSubstr("rope_type: expected default, linear, llama3 or yarn"));
  EXPECT_THAT(refusal(kModels + "gpt2_scaled"), HasSubstr("scale_attn_by_inverse_layer_idx"));
  EXPECT_THAT(refusal(kModels + "nothing"), HasSubstr("there is no such file or folder"));
  EXPECT_THAT(refusal(kModels + "llama", "b", {.dtype = "q8_0"}), HasSubstr("safetensors files hold no blocks"));
  EXPECT_THAT(refusal(kModels + "llama", "b", {.dtype = "q4_k"}), HasSubstr("expected --dtype f32, f16, bf16"));
  EXPECT_THAT(refusal(kModels + "llama", "b", {.to = "onnx"}), HasSubstr("expected --to gguf or hf, got onnx"));
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.gguf")));
}

// A folder that would not open as a model does not become another file of it, in either direction.
TEST(Convert, KeysThatChangeTheModelAreRefusedFirst) {
  const auto refused = [](const char* variant, const json& keys, const char* because) {
    SCOPED_TRACE(keys.dump());
    const TemporaryFolder folder;
    std::filesystem::copy(kModels + variant, folder.file("in"));
    json config = json::parse(read_text(folder.file("in/config.json"), 1 << 20));
    config.update(keys);
    write_file_atomic(folder.file("in/config.json"), config.dump());
    for (const char* out : {"a.gguf", "b"}) {
      EXPECT_THAT(message_of([&] { convert_checkpoint(folder.file("in"), folder.file(out), {}); }), HasSubstr(because));
      EXPECT_FALSE(std::filesystem::exists(folder.file(out)));
    }
  };
  refused("llama", {{"attention_multiplier", 0.5}}, "attention_multiplier: expected no such key");
  refused("llama", {{"position_embedding_type", "alibi"}}, "position_embedding_type: expected no such key");
  refused("llama", {{"sliding_window", 3}}, "sliding_window: expected no such key");
  refused("qwen3", {{"quantization_config", {{"bits", 4}}}}, "quantization_config: expected weights that are not");
  refused("mistral", {{"partial_rotary_factor", 0.5}}, "partial_rotary_factor: expected 1");
  refused("gpt2", {{"add_cross_attention", true}}, "add_cross_attention: expected false");
  // A file's own copy of its configuration is read as the folder's is.
  const TemporaryFolder folder;
  convert_checkpoint(kModels + "llama", folder.file("a.gguf"), {});
  const Gguf file(folder.file("a.gguf"));
  GgufMetadata metadata = file.metadata();
  for (auto& [key, value] : metadata)
    if (key == "strata.config") {
      json config = json::parse(std::get<std::string>(value));
      config["attention_multiplier"] = 0.5;
      value = config.dump();
    }
  write_gguf(folder.file("b.gguf"), metadata, file.tensors());
  EXPECT_THAT(message_of([&] { convert_checkpoint(folder.file("b.gguf"), folder.file("c"), {}); }),
              HasSubstr("attention_multiplier: expected no such key"));
}

TEST(GgufConfigs, SizesBeyondReasonAreRefused) {
  const auto refusal = [](const char* config) {
    return message_of([&] { (void)config_to_gguf(json::parse(config), "c"); });
  };
  // For each two channels of a head a divisor would be written.
  EXPECT_THAT(refusal(R"({"model_type": "llama", "head_dim": 1073741824, "rope_scaling": {"rope_type": "llama3",
                          "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}})"),
              HasSubstr("c: head_dim: expected a whole number from 1 to 1048576"));
  EXPECT_THAT(refusal(R"({"model_type": "gpt_neox", "rotary_pct": 1e300})"), HasSubstr("c: rotary_pct"));
  EXPECT_THAT(refusal(R"({"model_type": "gpt_neox", "hidden_size": 8})"), HasSubstr("c: hidden_size"));
  EXPECT_THAT(refusal(R"({"model_type": "llama", "rope_theta": -1})"), HasSubstr("c: rope_theta"));
  EXPECT_THAT(refusal(R"({"model_type": "gpt2", "n_embd": 1073741824})"), HasSubstr("c: n_embd"));
  const TemporaryFolder folder;
  write_gguf(folder.file("m.gguf"), {{"strata.config", std::string(300 << 10, ' ')}}, {});
  EXPECT_THAT(message_of([&] { (void)config_from_gguf(GgufFiles(folder.file("m.gguf"))); }),
              HasSubstr("strata.config: expected at most 262144 bytes"));
}

TEST(Convert, MissingAndUnknownTensorsAreNamed) {
  const TemporaryFolder folder;
  convert_checkpoint(kModels + "gpt2", folder.file("a.gguf"), {});
  const Gguf file(folder.file("a.gguf"));
  std::vector<GgufTensor> tensors = file.tensors();
  tensors[2].name = "blk.0.attn_nrm.weight";
  write_gguf(folder.file("b.gguf"), file.metadata(), tensors);
  EXPECT_THAT(message_of([&] { open_source(folder.file("b.gguf")); }),
              HasSubstr("1 missing: blk.0.attn_norm.weight; 1 unexpected: blk.0.attn_nrm.weight"));
}

// GGUF has no place for OPT; as a folder it can be had in another type.
TEST(Convert, OptGoesFromFolderToFolder) {
  for (const char* name : {"opt", "opt_plain", "opt_post", "opt_unfinished"}) {
    SCOPED_TRACE(name);
    const TemporaryFolder folder;
    convert_checkpoint(kModels + name, folder.file("half"), {.dtype = "f16"});
    convert_checkpoint(folder.file("half"), folder.file("whole"), {.dtype = "f32"});
    const SourceModel want = open_source(folder.file("half")), got = open_source(folder.file("whole"));
    EXPECT_EQ(got.config["dtype"], "float32");
    EXPECT_EQ(open_checkpoint_tensors(folder.file("half")).tensors().front()->dtype, DType::F16);
    expect_same_tensors(want, got);
    const SourceModel first = open_source(kModels + name);
    ASSERT_EQ(first.tensors.size(), got.tensors.size());
    for (size_t i = 0; i < first.tensors.size(); ++i)
      EXPECT_THAT(got.tensors[i].values(), testing::Pointwise(testing::FloatNear(2e-3), first.tensors[i].values()));
  }
}

TEST(Convert, DefaultsOfGenerationGoAlong) {
  const TemporaryFolder folder;
  const std::string text = R"({"eos_token_id": [2, 3], "repetition_penalty": 1.1})";
  std::filesystem::copy(kModels + "llama", folder.file("in"));
  write_file_atomic(folder.file("in/generation_config.json"), text);
  convert_checkpoint(folder.file("in"), folder.file("a.gguf"), {});
  EXPECT_EQ(open_source(folder.file("a.gguf")).companions.at("generation_config.json"), text);
  convert_checkpoint(folder.file("a.gguf"), folder.file("b.gguf"), {.dtype = "f16"});
  convert_checkpoint(folder.file("b.gguf"), folder.file("back"), {});
  EXPECT_EQ(read_text(folder.file("back/generation_config.json"), 1000), text);
}

// Of a line of /proc/self/status, in bytes.
int64_t memory(const std::string& key) {
  std::istringstream lines(read_text("/proc/self/status", 1 << 20));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key + ":")) return std::stoll(line.substr(key.size() + 1)) << 10;
  return 0;
}

// 138 MB of a model whose largest tensor has 4 MB: neither reading nor writing holds all of it.
TEST(Convert, MemoryIsNeededForOneTensorNotForAll) {
  if (kAddressSanitizer) GTEST_SKIP() << "AddressSanitizer keeps what was given back";
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.file("in"));
  constexpr int64_t width = 512, hidden = 2048, layers = 8, vocab = 64;
  const json config{{"model_type", "llama"},
                    {"hidden_size", width},
                    {"intermediate_size", hidden},
                    {"vocab_size", vocab},
                    {"num_hidden_layers", layers},
                    {"num_attention_heads", 8},
                    {"architectures", {"LlamaForCausalLM"}},
                    {"tie_word_embeddings", true}};
  write_file_atomic(folder.file("in/config.json"), config.dump());
  std::vector<TensorView> tensors;
  for (const GgufTwin& twin : gguf_twins(gguf_model_of(config, "config"))) {
    if (twin.file.ends_with(".bias") || twin.file == "lm_head.weight") continue;
    const bool table = twin.file.ends_with("embed_tokens.weight");
    const auto has = [&](const char* part) { return twin.file.find(part) != std::string::npos; };
    std::vector<int64_t> shape = {width, has("down") ? hidden : width};
    if (table) shape[0] = vocab;
    if (has("gate") || has("up_")) shape[0] = hidden;
    if (has("norm")) shape = {width};
    tensors.push_back({twin.file, DType::F32, shape, {}});
  }
  const std::vector<float> ones(width * hidden, 1.0F);
  write_checkpoint_tensors(
      folder.file("in"), tensors,
      [&](size_t index, const ByteSink& sink) {
        sink(std::as_bytes(std::span(ones)).first(tensor_bytes("test", DType::F32, tensors[index].shape)));
      },
      uint64_t{1} << 30);
  EXPECT_GT(std::filesystem::file_size(folder.file("in/model.safetensors")), 130e6);
  const std::vector<std::pair<const char*, const char*>> ways = {{"in", "a.gguf"}, {"a.gguf", "back"}, {"in", "again"}};
  for (const auto& [from, to] : ways) {
    std::ofstream("/proc/self/clear_refs") << "5\n";  // the peak is counted from here
    const int64_t before = memory("VmRSS");
    if (memory("VmHWM") > before + (1 << 20)) GTEST_SKIP() << "the peak of memory cannot be set back here";
    convert_checkpoint(folder.file(from), folder.file(to), {});
    EXPECT_LT(memory("VmHWM") - before, 40 << 20) << to;
  }
}

// What a folder holds beside config.json and weights says how to use the model, and where it came from.
TEST(Convert, WhatLiesBesideTheModelIsHandedOn) {
  const TemporaryFolder folder;
  const std::string in = folder.file("in"), notes = R"({"format": 1, "architecture": "gpt2", "block_ids": ["a", "c"]})";
  std::filesystem::copy(kModels + "gpt2", in, std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(in + "/expected");
  std::filesystem::create_directories(in + "/additional_chat_templates");
  const std::map<std::string, std::string> beside{{"vocab.json", "{}"},
                                                  {"merges.txt", "#version: 0.2\n"},
                                                  {"tokenizer.model", "\x01\x02"},
                                                  {"added_tokens.json", "{}"},
                                                  {"special_tokens_map.json", "{}"},
                                                  {"additional_chat_templates/tools.jinja", "{{ tools }}"},
                                                  {"strata.json", notes}};
  for (const auto& [name, text] : beside) write_file_atomic(in + "/" + name, text);
  convert_checkpoint(in, folder.file("again"), {});
  for (const auto& [name, text] : beside) EXPECT_EQ(read_text(folder.file("again/" + name), 1000), text) << name;
  convert_checkpoint(in, folder.file("again"), {});  // in the place of what it wrote itself
  convert_checkpoint(in, folder.file("m.gguf"), {});
  convert_checkpoint(folder.file("m.gguf"), folder.file("back"), {});
  EXPECT_EQ(read_text(folder.file("back/strata.json"), 1000), notes);
}

TEST(Convert, NotesOfAnotherModelAreRefusedInAFolderAndLeftOutOfAFile) {
  const TemporaryFolder folder;
  const std::string in = folder.file("in");
  std::filesystem::copy(kModels + "gpt2", in, std::filesystem::copy_options::recursive);
  const auto refusal = [&](const char* notes) {
    write_file_atomic(in + "/strata.json", notes);
    return message_of([&] { convert_checkpoint(in, folder.file("a.gguf"), {}); });
  };
  EXPECT_THAT(refusal(R"({"format": 1, "block_ids": ["a"]})"),
              HasSubstr("block_ids: expected one for each of 2 blocks, found 1"));
  EXPECT_THAT(refusal(R"({"format": 1, "architecture": "llama"})"), HasSubstr("architecture: expected \"gpt2\""));
  EXPECT_THAT(refusal(R"({"format": 1, "slots": "position", "slot_count": 2})"),
              HasSubstr("slots: expected \"none\", as conversion knows the weights of plain models only"));
  convert_checkpoint(kModels + "gpt2", folder.file("a.gguf"), {});
  const Gguf file(folder.file("a.gguf"));
  GgufMetadata metadata = file.metadata();
  metadata.emplace_back("strata.notes", std::string(R"({"format": 1, "block_ids": ["a"]})"));
  write_gguf(folder.file("b.gguf"), metadata, file.tensors());
  const SourceModel model = open_source(folder.file("b.gguf"));
  EXPECT_THAT(model.warnings, testing::Contains(HasSubstr("found 1; the notes are left out")));
  EXPECT_FALSE(model.companions.contains("strata.json"));
}

TEST(Convert, NothingOfOthersIsReplaced) {
  const TemporaryFolder folder;
  for (const char* name : {"mine/letter.txt", "yours/package.json"}) {
    const std::string path = folder.file(name), place = std::filesystem::path(path).parent_path().string();
    std::filesystem::create_directories(place);
    write_file_atomic(path, "dear");
    EXPECT_THAT(
        message_of([&] { convert_checkpoint(kModels + "gpt2", place, {}); }),
        HasSubstr("would be replaced by a model, but holds '" + std::filesystem::path(path).filename().string() + "'"));
    EXPECT_EQ(read_text(path, 100), "dear");
  }
}

}  // namespace
}  // namespace strata
