#include "strata/formats/gguf_vocab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "strata/base/error.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

constexpr const char* kTokenizer = R"({"version": "1.0",
  "added_tokens": [{"id": 4, "content": "<s>", "special": true, "normalized": false}],
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "abb": 3}, "merges": [["a", "b"], "ab b"]}})";

Gguf written(const TemporaryFolder& folder, GgufMetadata metadata) {
  write_gguf(folder.file("v.gguf"), metadata, {});
  return Gguf(folder.file("v.gguf"));
}

TEST(GgufVocabulary, ThereAndBack) {
  const TemporaryFolder folder;
  write_file_atomic(folder.file("tokenizer.json"), kTokenizer);
  write_file_atomic(folder.file("tokenizer_config.json"), R"({"bos_token": "<s>", "chat_template": "{{ x }}"})");
  GgufVocabulary vocabulary = vocabulary_to_gguf(folder.path(), 6);
  EXPECT_TRUE(vocabulary.warnings.empty());
  const Gguf file = written(folder, vocabulary.metadata);
  EXPECT_EQ(file.text("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(file.text("tokenizer.ggml.pre"), "gpt-2");
  EXPECT_THAT(*file.texts("tokenizer.ggml.tokens"), testing::ElementsAre("a", "b", "ab", "abb", "<s>", "[PAD5]"));
  EXPECT_THAT(*file.integers("tokenizer.ggml.token_type"), testing::ElementsAre(1, 1, 1, 1, 3, 5));
  EXPECT_THAT(*file.texts("tokenizer.ggml.merges"), testing::ElementsAre("a b", "ab b"));
  EXPECT_EQ(file.integer("tokenizer.ggml.bos_token_id"), 4);
  EXPECT_EQ(file.text("tokenizer.chat_template"), "{{ x }}");
  std::vector<std::string> warnings;
  EXPECT_EQ(vocabulary_from_gguf(file, warnings).at("tokenizer.json"), kTokenizer);

  std::erase_if(vocabulary.metadata, [](const auto& entry) { return entry.first == "tokenizer.huggingface.json"; });
  const auto built = vocabulary_from_gguf(written(folder, vocabulary.metadata), warnings);
  const auto json = nlohmann::json::parse(built.at("tokenizer.json"));
  EXPECT_EQ(json["model"]["vocab"], nlohmann::json::parse(R"({"a": 0, "b": 1, "ab": 2, "abb": 3, "<s>": 4})"));
  EXPECT_EQ(json["model"]["merges"], nlohmann::json::parse(R"(["a b", "ab b"])"));
  EXPECT_EQ(json["added_tokens"][0]["id"], 4);
  EXPECT_TRUE(warnings.empty());
}

TEST(GgufVocabulary, WhatItCannotDo) {
  const TemporaryFolder folder;
  EXPECT_THAT(vocabulary_to_gguf(folder.path(), 6).warnings,
              testing::ElementsAre(testing::HasSubstr("the file has no vocabulary")));
  write_file_atomic(folder.file("tokenizer.json"), kTokenizer);
  EXPECT_THROW(vocabulary_to_gguf(folder.path(), 3), Error);
}

TEST(GgufVocabulary, PartsOfWrongTypesAreNoReasonToStop) {
  const TemporaryFolder folder;
  for (const char* pre : {R"([1])", R"({"type": 1})", R"({"type": "Split", "pattern": {"Regex": 1}})",
                          R"({"type": "Split"})", R"({"type": "Sequence", "pretokenizers": [1, {"type": null}]})"}) {
    nlohmann::json tree = nlohmann::json::parse(kTokenizer);
    tree["pre_tokenizer"] = nlohmann::json::parse(pre);
    tree["added_tokens"] = nullptr;
    write_file_atomic(folder.file("tokenizer.json"), tree.dump());
    EXPECT_THAT(vocabulary_to_gguf(folder.path(), 6).warnings,
                testing::ElementsAre(testing::HasSubstr("GGUF has no name for how")))
        << pre;
  }
}

GgufMetadata vocabulary_of(const char* kind, std::vector<std::string> tokens) {
  return {{"tokenizer.ggml.model", std::string(kind)}, {"tokenizer.ggml.tokens", GgufArray(std::move(tokens))}};
}

// What llama.cpp does where a file says nothing: Llama 3's texts begin with the token, under each of its names.
TEST(GgufVocabulary, Llama3BeginsTextsUnlessTheFileSaysOtherwise) {
  const TemporaryFolder folder;
  const auto begins = [&](const char* pre, std::optional<bool> said) {
    GgufMetadata metadata = vocabulary_of("gpt2", {"a", "b", "<s>"});
    metadata.emplace_back("tokenizer.ggml.token_type", GgufArray(std::vector<int32_t>{1, 1, 3}));
    metadata.emplace_back("tokenizer.ggml.pre", std::string(pre));
    metadata.emplace_back("tokenizer.ggml.bos_token_id", uint32_t{2});
    if (said) metadata.emplace_back("tokenizer.ggml.add_bos_token", *said);
    std::vector<std::string> warnings;
    const auto files = vocabulary_from_gguf(written(folder, metadata), warnings);
    EXPECT_TRUE(warnings.empty()) << pre;
    return nlohmann::json::parse(files.at("tokenizer.json"))["post_processor"]["type"] == "TemplateProcessing";
  };
  for (const char* pre : {"llama-bpe", "llama3", "llama-v3"}) {
    EXPECT_TRUE(begins(pre, std::nullopt)) << pre;
    EXPECT_FALSE(begins(pre, false)) << pre;
  }
  for (const char* pre : {"gpt-2", "qwen2", "deepseek-r1-qwen"}) {
    EXPECT_FALSE(begins(pre, std::nullopt)) << pre;
    EXPECT_TRUE(begins(pre, true)) << pre;
  }
}

TEST(GgufVocabulary, HostileFilesGetOneError) {
  const TemporaryFolder folder;
  const auto refusal = [&](GgufMetadata metadata) -> std::string {
    std::vector<std::string> warnings;
    try {
      (void)vocabulary_from_gguf(written(folder, std::move(metadata)), warnings);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal(vocabulary_of("gpt2", {"a", "b", "a"})), testing::HasSubstr("each token once, found 'a'"));
  EXPECT_THAT(refusal(vocabulary_of("llama", {"a", std::string(600, 'b')})), testing::HasSubstr("at most 512 bytes"));
  GgufMetadata scored = vocabulary_of("llama", {"a", "b", "ab", "ba"});
  scored.emplace_back("tokenizer.ggml.scores", GgufArray(std::vector<float>{0, 0, std::nanf(""), 1}));
  EXPECT_THAT(refusal(scored), testing::HasSubstr("tokenizer.ggml.scores: expected finite numbers"));
  scored.back().second = GgufArray(std::vector<float>{0, 0, 1});
  EXPECT_THAT(refusal(scored), testing::HasSubstr("a type and a score for each of 4 tokens, found 4 and 3"));
}

// Time of a vocabulary may not grow with its square: published ones have up to 256,000 tokens.
TEST(GgufVocabulary, LargeVocabulariesTakeNoTime) {
  const TemporaryFolder folder;
  std::vector<std::string> tokens;
  for (int i = 0; i < 200'000; ++i) tokens.push_back("token" + std::to_string(i));
  const Gguf file = written(folder, vocabulary_of("gpt2", tokens));
  std::vector<std::string> warnings;
  const std::clock_t start = std::clock();
  const auto files = vocabulary_from_gguf(file, warnings);
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 5);
  EXPECT_THAT(files.at("tokenizer.json"), testing::HasSubstr("\"token199999\": 199999"));
}

}  // namespace
}  // namespace strata
