#include "strata/formats/gguf_vocab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "strata/base/error.h"
#include "strata/formats/gguf_pre.h"
#include "strata/formats/tokenizer_json.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

constexpr const char* kTokenizer = R"({"version": "1.0",
  "added_tokens": [{"id": 4, "content": "<s>", "special": true, "normalized": false}],
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "abb": 3}, "merges": [["a", "b"], "ab b"]}})";

Gguf written(const TemporaryFolder& folder, const GgufMetadata& metadata) {
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

using nlohmann::json;

// A tokenizer.json with those parts besides kTokenizer's.
void write_tokenizer(const TemporaryFolder& folder, const json& parts) {
  json tree = json::parse(kTokenizer);
  tree.merge_patch(parts);
  write_file_atomic(folder.file("tokenizer.json"), tree.dump());
}

// The tokenizer that another program finds: made of GGUF's own entries alone.
Tokenizer rebuilt(const TemporaryFolder& folder, GgufMetadata metadata) {
  std::erase_if(metadata, [](const auto& entry) { return entry.first == "tokenizer.huggingface.json"; });
  std::vector<std::string> warnings;
  const auto files = vocabulary_from_gguf(written(folder, metadata), warnings);
  EXPECT_THAT(warnings, testing::IsEmpty());
  return tokenizer_from_json(files.at("tokenizer.json"), files.at("tokenizer_config.json"), "built");
}

json special(const char* token) {
  return {{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
}
json template_of(const std::vector<json>& single) {
  const auto token = [](const char* name, int id) -> json { return {{"id", name}, {"ids", {id}}, {"tokens", {name}}}; };
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", json::array()},
          {"special_tokens", {{"<s>", token("<s>", 4)}, {"</s>", token("</s>", 5)}}}};
}
const json kText = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
const json kBothEnds = {{{"id", 4}, {"content", "<s>"}, {"special", true}},
                        {{"id", 5}, {"content", "</s>"}, {"special", true}}};

// Whatever tokenizer_config.json says: the post-processor alone puts tokens around texts.
TEST(GgufVocabulary, TextsBeginAndEndAsThePostProcessorHasIt) {
  const json bos_eos = template_of({special("<s>"), kText, special("</s>")});
  const json eos = template_of({kText, special("</s>")}), bos = template_of({special("<s>"), kText});
  const json roberta = {{"type", "RobertaProcessing"}, {"sep", {"</s>", 5}}, {"cls", {"<s>", 4}}};
  for (const json& post : {bos_eos, eos, bos, roberta, json(nullptr), json{{"type", "ByteLevel"}}})
    for (const char* config : {R"({"bos_token": "<s>", "eos_token": "</s>"})", R"({})",
                               R"({"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": true})",
                               R"({"bos_token": "<s>", "add_bos_token": false, "add_eos_token": true})"}) {
      SCOPED_TRACE(post.dump() + config);
      const TemporaryFolder folder;
      write_tokenizer(folder, {{"post_processor", post}, {"added_tokens", kBothEnds}});
      write_file_atomic(folder.file("tokenizer_config.json"), config);
      const GgufVocabulary vocabulary = vocabulary_to_gguf(folder.path(), 6);
      EXPECT_THAT(vocabulary.warnings, testing::IsEmpty());
      const std::vector<int32_t> want = open_tokenizer(folder.path()).encode("abba");
      EXPECT_EQ(rebuilt(folder, vocabulary.metadata).encode("abba"), want);
    }
}

TEST(GgufVocabulary, WhatNoFlagSaysAroundTextsIsSaid) {
  const TemporaryFolder folder;
  const auto warnings = [&](const json& post, const char* config) {
    write_tokenizer(folder, {{"post_processor", post}, {"added_tokens", kBothEnds}});
    write_file_atomic(folder.file("tokenizer_config.json"), config);
    return vocabulary_to_gguf(folder.path(), 6).warnings;
  };
  EXPECT_THAT(warnings(template_of({special("<s>"), special("<s>"), kText}), R"({"bos_token": "<s>"})"),
              testing::ElementsAre(testing::HasSubstr("puts [4, 4] before them and [] behind")));
  EXPECT_THAT(warnings(template_of({kText, special("<s>")}), R"({"eos_token": "</s>"})"),
              testing::ElementsAre(testing::HasSubstr("puts [] before them and [4] behind")));
  EXPECT_THAT(warnings({{"type", "Odd"}}, "{}"), testing::ElementsAre(testing::HasSubstr("'Odd' is not supported")));
  EXPECT_THAT(
      warnings(nullptr, R"({"eos_token": "<end>"})"),
      testing::ElementsAre(testing::HasSubstr("eos_token: expected a token of the vocabulary, found \"<end>\"")));
}

TEST(GgufVocabulary, RolesOfTokensThatAreNotThereAreSaid) {
  const TemporaryFolder folder;
  GgufMetadata metadata{{"tokenizer.ggml.model", std::string("gpt2")},
                        {"tokenizer.ggml.pre", std::string("gpt-2")},
                        {"tokenizer.ggml.tokens", GgufArray(std::vector<std::string>{"a", "b"})},
                        {"tokenizer.ggml.eos_token_id", uint32_t{2}},
                        {"tokenizer.ggml.bos_token_id", int32_t{-1}},
                        {"tokenizer.ggml.add_eos_token", true}};
  std::vector<std::string> warnings;
  (void)vocabulary_from_gguf(written(folder, metadata), warnings);
  EXPECT_THAT(warnings, testing::ElementsAre(testing::HasSubstr("bos_token_id is -1, but there are only 2 tokens"),
                                             testing::HasSubstr("eos_token_id is 2, but there are only 2 tokens")));
  warnings.clear();
  metadata[3].first = "tokenizer.ggml.padding_token_id";
  metadata[3].second = uint32_t{1};
  metadata[4].second = uint32_t{0};
  (void)vocabulary_from_gguf(written(folder, metadata), warnings);
  EXPECT_THAT(warnings, testing::ElementsAre(testing::HasSubstr("add_eos_token is true, but there is no")));
}

// A byte-level vocabulary of all bytes and some merges, in the order of their ids.
json byte_vocabulary() {
  const Tokenizer bytes = byte_tokenizer();
  json vocab;
  for (int id = 0; id < 256; ++id) vocab[bytes.token(id)] = id;
  const std::vector<std::pair<std::string, std::string>> merges = {
      {"1", "2"}, {"12", "3"}, {"a", "b"}, {"A", "b"}, {".", "."}, {"\u0120", "a"}, {"\u010a", "\u010a"}, {"'", "s"}};
  json list = json::array();
  for (const auto& [left, right] : merges) {
    vocab[left + right] = vocab.size();
    list.push_back({left, right});
  }
  return {{"type", "BPE"}, {"vocab", vocab}, {"merges", list}};
}

class GgufPreNames : public testing::TestWithParam<const char*> {};

// A tokenizer.json that cuts text so gets the name, and the name gives one with the same ids.
TEST_P(GgufPreNames, ThereAndBack) {
  const TemporaryFolder folder;
  const GgufPre& pre = *find_gguf_pre(GetParam());
  json model = byte_vocabulary();
  model["ignore_merges"] = pre.ignore_merges;
  json tree{{"model", model}, {"pre_tokenizer", json(pre_tokenizer_json(pre))}, {"decoder", {{"type", "ByteLevel"}}}};
  if (pre.nfc) tree["normalizer"] = {{"type", "NFC"}};
  write_file_atomic(folder.file("tokenizer.json"), tree.dump());
  const GgufVocabulary vocabulary = vocabulary_to_gguf(folder.path(), 264);
  EXPECT_THAT(vocabulary.warnings, testing::IsEmpty());
  EXPECT_EQ(written(folder, vocabulary.metadata).text("tokenizer.ggml.pre"), pre.name);
  const Tokenizer want = open_tokenizer(folder.path()), got = rebuilt(folder, vocabulary.metadata);
  for (const char* text : {"ab aba 123 12123 x1 .. ...a\n\n\n\n b's B'S \t a  ", "ABab \u00c5b\u0301 1\u0967 //\n",
                           "\u4e2d\u6587 12ab\u3002 \u00bd 3..14", "e\u0301 A\u030a"})
    EXPECT_EQ(got.encode(text), want.encode(text)) << text;
}

INSTANTIATE_TEST_SUITE_P(All, GgufPreNames,
                         testing::Values("gpt-2", "olmo", "llama-bpe", "smaug-bpe", "qwen2", "smollm", "command-r",
                                         "tekken", "gpt-4o", "deepseek-coder", "seed-coder", "default"),
                         [](const auto& name) {
                           std::string text = name.param;
                           std::erase(text, '-');
                           return text;
                         });

// Each name cuts text as llama.cpp and the models' own files do.
TEST(GgufPreNames, CutTextAsTheirModelsDo) {
  const TemporaryFolder folder;
  // What each name makes of 123: pieces that no merge crosses.
  const auto ids = [&](const char* pre, const char* text) {
    json model = byte_vocabulary();
    GgufMetadata metadata{{"tokenizer.ggml.model", std::string("gpt2")}, {"tokenizer.ggml.pre", std::string(pre)}};
    std::vector<std::string> tokens(model["vocab"].size()), merges;
    for (const auto& [token, id] : model["vocab"].items()) tokens[id.get<size_t>()] = token;
    for (const auto& pair : model["merges"])
      merges.push_back(pair[0].get<std::string>() + " " + pair[1].get<std::string>());
    metadata.emplace_back("tokenizer.ggml.tokens", GgufArray(tokens));
    metadata.emplace_back("tokenizer.ggml.merges", GgufArray(merges));
    metadata.emplace_back("tokenizer.ggml.bos_token_id", uint32_t{0});
    metadata.emplace_back("tokenizer.ggml.add_bos_token", false);
    return rebuilt(folder, metadata).encode(text);
  };
  using testing::ElementsAre;
  for (const char* pre : {"gpt-2", "mpt", "phi-2", "llama-bpe", "lfm2", "dbrx", "gpt-4o", "llama4", "default"})
    EXPECT_THAT(ids(pre, "123"), ElementsAre(257)) << pre;
  for (const char* pre :
       {"smollm", "starcoder", "command-r", "minerva-7b", "qwen2", "megrez", "tekken", "seed-coder", "deepseek-coder"})
    EXPECT_THAT(ids(pre, "123"), ElementsAre('1', '2', '3')) << pre;
  EXPECT_THAT(ids("llama-bpe", "0123"), ElementsAre('0', 256, '3'));
  EXPECT_THAT(ids("default", "0123"), ElementsAre('0', 256, '3'));
  EXPECT_THAT(ids("gpt-2", "0123"), ElementsAre('0', 257));
  EXPECT_THAT(ids("tekken", "aAb"), ElementsAre('a', 259));  // words are cut where capitals begin
  EXPECT_THAT(ids("gpt-2", "e\u0301").size(), 3);
  EXPECT_THAT(ids("olmo", "e\u0301").size(), 2);  // NFC
}

TEST(GgufVocabulary, WhyThereIsNoName) {
  const TemporaryFolder folder;
  const auto warning = [&](const json& parts) {
    write_tokenizer(folder, parts);
    const auto warnings = vocabulary_to_gguf(folder.path(), 6).warnings;
    EXPECT_EQ(warnings.size(), 1) << parts;
    return warnings.empty() ? "" : warnings[0];
  };
  using testing::HasSubstr;
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const auto with = [&](const json& step) {
    return json{{"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {step, bytes}}}}};
  };
  EXPECT_THAT(warning(with({{"type", "Split"}, {"pattern", {{"Regex", "x+"}}}, {"behavior", "Isolated"}})),
              HasSubstr("its pre_tokenizer cuts by x+"));
  EXPECT_THAT(warning(with({{"type", "Whitespace"}})), HasSubstr("has a step 'Whitespace' of another kind"));
  EXPECT_THAT(warning({{"pre_tokenizer", bytes}}), HasSubstr("does not cut text at all"));
  EXPECT_THAT(warning({{"pre_tokenizer", {{"add_prefix_space", true}}}}), HasSubstr("puts a space in front"));
  EXPECT_THAT(warning({{"model", {{"ignore_merges", true}}}}), HasSubstr("its ignore_merges is true, and 'gpt-2'"));
  EXPECT_THAT(warning({{"normalizer", {{"type", "Lowercase"}}}}), HasSubstr("its normalizer is 'Lowercase'"));
}

TEST(GgufVocabulary, UnknownNamesAndNoneAreSaid) {
  const TemporaryFolder folder;
  GgufMetadata metadata{{"tokenizer.ggml.model", std::string("gpt2")},
                        {"tokenizer.ggml.tokens", GgufArray(std::vector<std::string>{"a", "b"})}};
  std::vector<std::string> warnings;
  EXPECT_TRUE(vocabulary_from_gguf(written(folder, metadata), warnings).contains("tokenizer.json"));
  EXPECT_THAT(warnings, testing::ElementsAre(testing::HasSubstr("there is no tokenizer.ggml.pre")));
  warnings.clear();
  metadata.emplace_back("tokenizer.ggml.pre", std::string("kimi-k2"));
  EXPECT_FALSE(vocabulary_from_gguf(written(folder, metadata), warnings).contains("tokenizer.json"));
  EXPECT_THAT(warnings, testing::ElementsAre(testing::HasSubstr("tokenizer.ggml.pre is 'kimi-k2'")));
}

TEST(GgufVocabulary, SentencePieceSaysWhetherASpaceComesFirst) {
  const json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
  const json prepend = {{"type", "Prepend"}, {"prepend", "\u2581"}};
  for (const bool first : {true, false}) {
    const TemporaryFolder folder;
    json tree{{"model",
               {{"type", "BPE"},
                {"byte_fallback", true},
                {"vocab", {{"\u2581", 0}, {"a", 1}, {"\u2581a", 2}}},
                {"merges", json::array({"\u2581 a"})}}},
              {"normalizer", {{"type", "Sequence"}, {"normalizers", {replace}}}}};
    if (first) tree["normalizer"]["normalizers"].insert(tree["normalizer"]["normalizers"].begin(), prepend);
    write_file_atomic(folder.file("tokenizer.json"), tree.dump());
    const GgufVocabulary vocabulary = vocabulary_to_gguf(folder.path(), 3);
    const std::vector<int32_t> want = open_tokenizer(folder.path()).encode("a a");
    EXPECT_EQ(want[0], first ? 2 : 1);
    EXPECT_EQ(rebuilt(folder, vocabulary.metadata).encode("a a"), want);
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

// llama.cpp's ids of SentencePiece vocabularies: unknown 0, bos 1, eos 2, unless the file names tokens of its own.
TEST(GgufVocabulary, SentencePieceHasItsUsualRolesUnlessTheFileSaysOtherwise) {
  const TemporaryFolder folder;
  std::vector<std::string> warnings;
  const auto files = [&](const GgufMetadata& more) {
    GgufMetadata metadata = vocabulary_of("llama", {"<unk>", "<s>", "</s>", "a", "b"});
    metadata.insert(metadata.end(), more.begin(), more.end());
    warnings.clear();
    return vocabulary_from_gguf(written(folder, metadata), warnings);
  };
  const auto encoded = [&](const GgufMetadata& more) {
    const TemporaryFolder place;
    for (const auto& [name, text] : files(more)) write_file_atomic(place.file(name), text);
    return open_tokenizer(place.path()).encode("a");
  };
  using testing::ElementsAre;
  const GgufMetadata no_space{{"tokenizer.ggml.add_space_prefix", false}};
  EXPECT_THAT(encoded(no_space), ElementsAre(1, 3));
  EXPECT_TRUE(warnings.empty());
  GgufMetadata both = no_space;
  both.emplace_back("tokenizer.ggml.add_eos_token", true);
  EXPECT_THAT(encoded(both), ElementsAre(1, 3, 2));
  both.emplace_back("tokenizer.ggml.eos_token_id", uint32_t{4});
  EXPECT_THAT(encoded(both), ElementsAre(1, 3, 4));
  both.back().second = uint32_t{0xffffffff};
  EXPECT_THAT(encoded(both), ElementsAre(1, 3, 2));
  EXPECT_THAT(warnings, ElementsAre(testing::HasSubstr("only 5 tokens: token 2 is taken, as llama.cpp does")));
  both.emplace_back("tokenizer.ggml.add_bos_token", false);
  EXPECT_THAT(encoded(both), ElementsAre(3, 2));

  const auto said = files({});
  const json config = json::parse(said.at("tokenizer_config.json"));
  EXPECT_EQ(config["bos_token"], "<s>");
  EXPECT_EQ(config["eos_token"], "</s>");
  EXPECT_EQ(config["unk_token"], "<unk>");
  EXPECT_FALSE(config.contains("pad_token"));
  EXPECT_EQ(json::parse(said.at("tokenizer.json"))["model"]["unk_token"], "<unk>");
  // What a tokenizer.json in the file leaves out, nobody meant.
  const json kept = json::parse(files({{"tokenizer.huggingface.json", std::string("{}")}}).at("tokenizer_config.json"));
  EXPECT_FALSE(kept.contains("bos_token"));
}

TEST(GgufVocabulary, HostileFilesGetOneError) {
  const TemporaryFolder folder;
  const auto refusal = [&](GgufMetadata metadata) -> std::string {
    std::vector<std::string> warnings;
    try {
      (void)vocabulary_from_gguf(written(folder, metadata), warnings);
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
