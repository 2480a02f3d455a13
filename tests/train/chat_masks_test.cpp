// Which tokens of conversations are learned.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "strata/base/file.h"
#include "strata/data/chat_text.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/tokenizer_json.h"
#include "strata/train/codec.h"

namespace strata {
namespace {

const std::string kGolden = "tests/golden/";

// tests/golden/chat_masks.py: apply_chat_template of transformers, with return_assistant_tokens_mask.
TEST(ChatMasks, AreThoseOfTransformers) {
  const auto cases = nlohmann::ordered_json::parse(read_text(kGolden + "chat_masks.json", 1 << 24));
  ASSERT_GT(cases.size(), 40U);
  for (const auto& each : cases) {
    SCOPED_TRACE(testing::Message() << each["tokenizer"] << " " << each["template"] << " " << each["messages"]);
    const auto text = [&](const char* key) { return each[key].get<std::string>(); };
    const ChatText chat =
        chat_text({.templates = {{"default", ChatTemplate(text("template"))}},
                   .special_tokens = {{"bos_token", text("bos_token")}, {"eos_token", text("eos_token")}}});
    const TextDocument document = chat({each["messages"], each["tools"].is_null() ? nullptr : &each["tools"]});
    const TextCodec codec = codec_of(open_tokenizer(kGolden + "tokenizers/" + text("tokenizer") + ".json"), "golden");
    const TextSet set = tokenised({document}, codec, "golden");
    EXPECT_TRUE(set.tokens.equal(at::tensor(each["ids"].get<std::vector<int32_t>>(), at::kInt)));
    EXPECT_TRUE(set.counted.equal(at::tensor(each["mask"].get<std::vector<int64_t>>(), at::kLong).to(at::kBool)))
        << set.counted.to(at::kInt);
  }
}

// What models without a template are trained on is what the template they get writes, tokens at both ends included.
TEST(ChatMasks, ThePlainFormatHasItsTemplate) {
  using Json = nlohmann::ordered_json;
  const Json talk = Json::parse(R"([
      {"role": "system", "content": "Be 'brief'."}, {"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"},
      {"role": "user", "content": "sure?"}, {"role": "assistant", "content": "yes"}])");
  for (const char* name : {"gpt2", "llama3", "llama2_prepend", "llama2_metaspace", "qwen2"}) {
    SCOPED_TRACE(name);
    TextCodec codec = codec_of(open_tokenizer(kGolden + "tokenizers/" + name + ".json"), name);
    const std::string end = std::string_view(name).starts_with("llama2") ? "</s>" : "<|endoftext|>";
    std::vector<int32_t> ids;
    codec.encode(end, ids);
    codec.end = ids.back();
    codec.end_text = end;
    const ChatText chat =
        chat_text({.templates = {{"default", ChatTemplate(plain_chat_template(codec.start_text, codec.end_text))}}});
    for (const size_t messages : {5, 4, 2})
      for (const size_t given : {0, 2}) {
        Json part = Json::array();
        for (size_t i = 0; i < messages; ++i) part.push_back(talk[i]);
        const TextDocument plain = plain_chat({part, nullptr, given}), written = chat({part, nullptr, given});
        EXPECT_EQ(plain.frame, Frame::written);
        EXPECT_EQ(written.frame, Frame::own);
        const TextSet want = tokenised({plain}, codec, "plain"), got = tokenised({written}, codec, "written");
        EXPECT_TRUE(got.tokens.equal(want.tokens)) << messages << "\n" << got.tokens << want.tokens;
        EXPECT_TRUE(got.counted.equal(want.counted)) << messages << " " << given;
      }
  }
}

// A token that lies across the border of two pieces counts where either does.
TEST(ChatMasks, TokensAcrossBordersCount) {
  const TextCodec codec = codec_of(open_tokenizer(kGolden + "tokenizers/gpt2.json"), "golden");
  const auto count = [&](std::vector<TextPiece> pieces) {
    pieces.push_back({".", false});
    return tokenised({{std::move(pieces)}}, codec, "pieces").counted.to(at::kLong).slice(0, 0, 2);
  };
  std::vector<int32_t> ids;
  codec.encode(" the heaven", ids);
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_TRUE(count({{" the", false}, {" heaven", true}}).equal(at::tensor({0, 1}, at::kLong)));
  EXPECT_TRUE(count({{" t", false}, {"he heaven", true}}).equal(at::tensor({1, 1}, at::kLong)));
  EXPECT_TRUE(count({{" the", false}, {" hea", true}, {"ven", false}}).equal(at::tensor({0, 1}, at::kLong)));
  EXPECT_TRUE(count({{" th", true}, {"e heaven", false}}).equal(at::tensor({1, 0}, at::kLong)));
}

}  // namespace
}  // namespace strata
