#include "strata/formats/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/text/utf8.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

const std::string kFolder = "tests/golden/tokenizers/";
constexpr const char* kKinds[] = {"gpt2", "gpt2_prefix", "llama3", "qwen2", "smollm", "llama2_prepend", "llama2_metaspace", "words"};

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

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerGolden, testing::ValuesIn(kKinds), [](const auto& info) { return info.param; });

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

}  // namespace
}  // namespace strata
