#include "strata/formats/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

const std::string kFolder = "tests/golden/tokenizers/";
constexpr const char* kKinds[] = {"gpt2",   "gpt2_prefix",    "llama3",           "qwen2",
                                  "smollm", "llama2_prepend", "llama2_metaspace", "words"};

const json& golden() {
  static const json value = json::parse(read_text(kFolder + "expected.json", 1 << 20));
  return value;
}

Tokenizer golden_tokenizer(const std::string& kind) {
  return open_tokenizer(kFolder + kind + ".json");
}

class TokenizerGolden : public testing::TestWithParam<const char*> {};

// tests/golden/tokenizers_golden.py asked the `tokenizers` library.
TEST_P(TokenizerGolden, SameIdsAndText) {
  const std::string kind = GetParam();
  const Tokenizer tokenizer = golden_tokenizer(kind);
  for (size_t i = 0; i < golden()["cases"].size(); ++i) {
    const std::string text = golden()["cases"][i];
    SCOPED_TRACE(text);
    const json& row = golden()["expected"][kind][i];
    const Ids ids = row["ids"];
    const Ids bare = row.value("bare", ids);
    EXPECT_EQ(tokenizer.encode(text), ids);
    EXPECT_EQ(tokenizer.encode(text, {.add_special = false}), bare);
    EXPECT_EQ(tokenizer.encode(text, {.special_in_text = false, .add_special = false}), row.value("plain", bare));
    const std::string decoded = row["text"];
    EXPECT_EQ(tokenizer.decode(bare), decoded);
    EXPECT_EQ(tokenizer.decode(ids, false), row.value("all", decoded));
    Ids halves;
    for (const int32_t id : bare)
      if (id % 2 == 0) halves.push_back(id);
    EXPECT_EQ(tokenizer.decode(halves), row["halves"].get<std::string>());
  }
}

TEST_P(TokenizerGolden, WrittenAndReadAgain) {
  const Tokenizer tokenizer = golden_tokenizer(GetParam());
  const std::string written = tokenizer_to_json(tokenizer);
  const Tokenizer again = tokenizer_from_json(written, tokenizer_config_to_json(tokenizer), "again");
  EXPECT_EQ(tokenizer_to_json(again), written);
  for (const std::string text : golden()["cases"]) EXPECT_EQ(again.encode(text), tokenizer.encode(text)) << text;
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerGolden, testing::ValuesIn(kKinds),
                         [](const auto& info) { return info.param; });

// Not for the decoder of `words`, whose last token has no space behind it.
TEST(TokenizerJson, StreamsWhatItDecodes) {
  for (const char* kind : {"gpt2", "llama3", "llama2_prepend", "llama2_metaspace"}) {
    const Tokenizer tokenizer = golden_tokenizer(kind);
    for (const std::string text : golden()["cases"]) {
      const Ids ids = tokenizer.encode(text);
      StreamDecoder stream(tokenizer);
      std::string streamed;
      for (const int32_t id : ids) streamed += stream.push(id);
      streamed += stream.finish();
      EXPECT_EQ(streamed, tokenizer.decode(ids)) << kind;
    }
  }
}

json small() {
  return json::parse(R"({"version": "1.0", "added_tokens": [{"id": 3, "content": "<s>", "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
    "decoder": {"type": "ByteLevel"},
    "model": {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["#version: 0.2", "a b"]}})");
}

std::string refusal(const json& value, const std::string& config = "") {
  try {
    static_cast<void>(tokenizer_from_json(value.dump(), config, "input"));
  } catch (const Error& error) {
    return error.what();
  }
  return "taken";
}

TEST(TokenizerJson, FollowsTheFile) {
  const Tokenizer tokenizer = tokenizer_from_json(small().dump(), "", "input");
  EXPECT_EQ(tokenizer.vocab_size(), 4);
  EXPECT_EQ(tokenizer.encode("ab<s>b"), (Ids{2, 3, 1}));
  EXPECT_EQ(tokenizer.encode("ab<s>b", {.special_in_text = false}), (Ids{2, 1}));
  EXPECT_EQ(tokenizer.decode(Ids{2, 3, 99, 1}), "abb");
  EXPECT_EQ(tokenizer.decode(Ids{2, 3, 1}, false), "ab<s>b");
  EXPECT_EQ(tokenizer.token(99), "");
}

TEST(TokenizerJson, NoDecoderIsNotOneWithoutSteps) {
  json changed = small();
  changed["decoder"] = nullptr;
  EXPECT_EQ(tokenizer_from_json(changed.dump(), "", "input").decode(Ids{0, 1}), "a b");
  changed["decoder"] = {{"type", "Sequence"}, {"decoders", json::array()}};
  const Tokenizer joining = tokenizer_from_json(changed.dump(), "", "input");
  EXPECT_EQ(joining.decode(Ids{0, 1}), "ab");
  EXPECT_EQ(tokenizer_from_json(tokenizer_to_json(joining), "", "again").decode(Ids{0, 1}), "ab");
}

TEST(TokenizerJson, RolesAndHugeIntegers) {
  const std::string config =
      R"({"bos_token": {"content": "<s>"}, "eos_token": "b", "pad_token": null, "model_max_length": 1000000000000000019884624838656})";
  const Tokenizer tokenizer = tokenizer_from_json(small().dump(), config, "input");
  EXPECT_EQ(tokenizer.bos(), 3);
  EXPECT_EQ(tokenizer.eos(), 1);
  EXPECT_FALSE(tokenizer.pad().has_value());
  EXPECT_FALSE(tokenizer.config().model_max_length.has_value());
  EXPECT_THAT(refusal(small(), R"({"bos_token": "<nowhere>"})"), testing::HasSubstr("bos_token"));
}

TEST(TokenizerJson, ATokenNamedTwiceInTheSameWordsIsOne) {
  json file = json::parse(read_text(kFolder + "gpt2.json", 1 << 20));
  const Tokenizer once = tokenizer_from_json(file.dump(), "", "f");
  file["added_tokens"].push_back(file["added_tokens"][0]);
  const Tokenizer twice = tokenizer_from_json(file.dump(), "", "f");
  EXPECT_EQ(tokenizer_to_json(twice), tokenizer_to_json(once));
  file["added_tokens"].back()["special"] = !file["added_tokens"][0]["special"].get<bool>();
  EXPECT_THAT([&] { tokenizer_from_json(file.dump(), "", "f"); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("twice")));
}

TEST(TokenizerJson, RefusesByName) {
  const auto with = [](const char* pointer, const json& value) {
    json changed = small();
    changed[json::json_pointer(pointer)] = value;
    return refusal(changed);
  };
  const auto has = [](const char* part) { return testing::HasSubstr(part); };
  EXPECT_EQ(refusal(small()), "taken");
  EXPECT_THAT(with("/model/type", "Unigram"), has("'Unigram'"));
  EXPECT_THAT(with("/model/dropout", 0.1), has("dropout"));
  EXPECT_THAT(with("/model/fancy", true), has("'fancy'"));
  EXPECT_THAT(with("/fancy", true), has("'fancy'"));
  EXPECT_THAT(with("/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", ""}}), has("'Precompiled'"));
  EXPECT_THAT(with("/pre_tokenizer", {{"type", "UnicodeScripts"}}), has("'UnicodeScripts'"));
  EXPECT_THAT(with("/decoder", {{"type", "CTC"}}), has("'CTC'"));
  EXPECT_THAT(with("/post_processor", {{"type", "Other"}}), has("'Other'"));
  EXPECT_THAT(with("/model/merges", json::array({json::array({"a", "c"})})), has("'c'"));
  EXPECT_THAT(with("/model/merges", json::array({"a b c"})), has("two tokens"));
  EXPECT_THAT(with("/model/merges", json::array({json::array({"b", "a"})})), has("'ba'"));
  EXPECT_THAT(with("/model/vocab/x", 2), has("2"));
  EXPECT_THAT(with("/model/vocab/x", -1), has("an id"));
  EXPECT_THAT(with("/model/vocab/x", 1LL << 40), has("an id"));
  EXPECT_THAT(with("/model/vocab/x", 10'000'000), has("expected ids below 100020 for 5 tokens, found 10000000"));
  EXPECT_THAT(with("/added_tokens/0/id", 10'000'000), has("expected ids below"));
  EXPECT_THAT(with("/model/unk_token", "<unk>"), has("<unk>"));
  EXPECT_THAT(with("/added_tokens/0/id", 1), has("'<s>'"));
  EXPECT_THAT(with("/added_tokens/0/content", ""), has("empty"));
  EXPECT_THAT(with("/added_tokens/0/content", "a"), has("one id"));
  EXPECT_THAT(with("/added_tokens/0/content", std::string(2000, 'a')), has("at most 1024 bytes"));
  EXPECT_THAT(with("/added_tokens/1", {{"id", 4}, {"content", "<s>"}}), has("twice"));
  EXPECT_THAT(with("/pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", "("}}}, {"behavior", "Isolated"}}),
              has("regular expression"));
  EXPECT_THAT(with("/pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "Sideways"}}),
              has("behavior"));
  const auto expression = [&](const char* text) {
    return with("/pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", text}}}, {"behavior", "Isolated"}});
  };
  EXPECT_THAT(expression("a|\\h+"), has("no \\h"));
  EXPECT_THAT(expression("(?im:a.)"), has("no flag m"));
  EXPECT_EQ(expression("(?i:'m)|\\\\h(?!m)[m:]"), "taken");
  const json nobody = {{"type", "TemplateProcessing"}, {"single", json::array()}, {"special_tokens", json::object()}};
  EXPECT_THAT(with("/post_processor", nobody), has("0 times"));
  // Looked for in a text, nothing would be found for ever.
  EXPECT_THAT(with("/decoder", {{"type", "BPEDecoder"}, {"suffix", ""}}), has("suffix"));
  EXPECT_THAT(with("/decoder", {{"type", "Metaspace"}, {"replacement", ""}}), has("replacement"));
  EXPECT_THAT(with("/decoder", {{"type", "Strip"}, {"content", ""}, {"start", 1}}), has("content"));
}

TEST(TokenizerJson, NothingGrowsWithoutBounds) {
  json doubling = json::array(), around = json::array(), processors = json::array();
  for (int i = 0; i < 40; ++i)
    doubling.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
  json changed = small();
  changed["normalizer"] = {{"type", "Sequence"}, {"normalizers", doubling}};
  const Tokenizer normalising = tokenizer_from_json(changed.dump(), "", "input");
  EXPECT_THROW((void)normalising.encode("aaaa"), Error);

  changed = small();
  changed["decoder"] = {{"type", "Sequence"}, {"decoders", doubling}};
  const Tokenizer decoding = tokenizer_from_json(changed.dump(), "", "input");
  EXPECT_THROW((void)decoding.decode(decoding.encode("a")), Error);

  // A thousand ids, named a thousand times.
  for (int i = 0; i < 1000; ++i) around.push_back({{"SpecialToken", {{"id", "x"}, {"type_id", 0}}}});
  around.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  changed = small();
  changed["post_processor"] = {{"type", "TemplateProcessing"},
                               {"single", around},
                               {"special_tokens", {{"x", {{"ids", std::vector<int>(1000, 3)}}}}}};
  EXPECT_THAT(refusal(changed), testing::HasSubstr("at most 1000 ids"));
}

TEST(TokenizerJson, RefusesKeysGivenTwice) {
  EXPECT_THROW(tokenizer_from_json(R"({"model": {"vocab": {"a": 0, "a": 1}, "merges": []}})", "", "input"), Error);
}

TEST(TokenizerJson, TruncatedAnywhere) {
  const std::string text = small().dump();
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_THROW(tokenizer_from_json(text.substr(0, size), "", "input"), Error) << size;
}

TEST(TokenizerJson, SavedAndOpened) {
  const TemporaryFolder folder;
  const Tokenizer tokenizer =
      tokenizer_from_json(small().dump(), R"({"eos_token": "<s>", "model_max_length": 512})", "input");
  save_tokenizer(tokenizer, folder.file("new"));
  const Tokenizer again = open_tokenizer(folder.file("new"));
  EXPECT_EQ(tokenizer_to_json(again), tokenizer_to_json(tokenizer));
  EXPECT_EQ(again.eos(), 3);
  EXPECT_EQ(again.config().model_max_length, 512);
  EXPECT_THROW(open_tokenizer(folder.path()), Error);
}

}  // namespace
}  // namespace strata
