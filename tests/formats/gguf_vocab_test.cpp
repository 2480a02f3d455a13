#include "strata/formats/gguf_vocab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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

}  // namespace
}  // namespace strata
