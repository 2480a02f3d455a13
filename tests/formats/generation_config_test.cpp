#include "strata/formats/generation_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;

GenerationConfig read(const std::string& text) {
  return generation_config_from_json(parse_json(text, "test"), "test");
}

TEST(GenerationConfig, DefaultsAreThoseOfTransformers) {
  for (const char* text : {"{}", R"({"do_sample": null, "top_k": null, "eos_token_id": null, "max_new_tokens": null})",
                           R"({"max_length": 20})"}) {
    const GenerationConfig config = read(text);
    EXPECT_FALSE(config.sampling.sample);
    EXPECT_EQ(config.sampling.top_k, 50);
    EXPECT_EQ(config.sampling.temperature, 1);
    EXPECT_EQ(config.sampling.top_p, 1);
    EXPECT_EQ(config.sampling.repetition_penalty, 1);
    EXPECT_EQ(config.max_length, std::nullopt);
    EXPECT_EQ(config.max_new_tokens, std::nullopt);
    EXPECT_TRUE(config.ends.empty());
    EXPECT_TRUE(config.not_followed.empty());
  }
}

TEST(GenerationConfig, ReadsWhatFilesSay) {
  const GenerationConfig config =
      read(R"({"_from_model_config": true, "do_sample": true, "temperature": 0.6, "top_k": 20,
    "top_p": 0.95, "min_p": 0.05, "typical_p": 0.9, "repetition_penalty": 1.05, "no_repeat_ngram_size": 3,
    "bad_words_ids": [[1], [2, 3]], "min_length": 4, "min_new_tokens": 2, "suppress_tokens": [5],
    "begin_suppress_tokens": [6], "forced_bos_token_id": 7, "forced_eos_token_id": 8, "max_length": 100,
    "max_new_tokens": 50, "bos_token_id": 1, "pad_token_id": -1, "eos_token_id": [2, 9], "stop_strings": "END",
    "num_beams": 4, "guidance_scale": null, "sequence_bias": [], "transformers_version": "5.23.0"})");
  EXPECT_TRUE(config.sampling.sample);
  EXPECT_EQ(config.sampling.temperature, 0.6);
  EXPECT_EQ(config.sampling.top_k, 20);
  EXPECT_EQ(config.sampling.top_p, 0.95);
  EXPECT_EQ(config.sampling.min_p, 0.05);
  EXPECT_EQ(config.sampling.typical_p, 0.9);
  EXPECT_EQ(config.sampling.no_repeat_ngram, 3);
  EXPECT_THAT(config.sampling.bad_words, ElementsAre(ElementsAre(1), ElementsAre(2, 3)));
  EXPECT_EQ(config.sampling.forced_first, 7);
  EXPECT_THAT(config.sampling.forced_last, ElementsAre(8));
  EXPECT_EQ(config.max_length, 100);
  EXPECT_EQ(config.max_new_tokens, 50);
  EXPECT_EQ(config.bos, 1);
  EXPECT_EQ(config.pad, std::nullopt);
  EXPECT_THAT(config.ends, ElementsAre(2, 9));
  EXPECT_THAT(config.stop, ElementsAre("END"));
  EXPECT_THAT(config.not_followed, ElementsAre("num_beams"));
}

TEST(GenerationConfig, WrongValuesAreNamed) {
  for (const char* text : {R"({"do_sample": 1})",
                           R"({"temperature": "hot"})",
                           R"({"temperature": -1})",
                           R"({"top_k": -1})",
                           R"({"top_k": 1.5})",
                           R"({"top_p": 0})",
                           R"({"top_p": 1.5})",
                           R"({"min_p": 2})",
                           R"({"typical_p": 0})",
                           R"({"repetition_penalty": 0})",
                           R"({"bad_words_ids": 3})",
                           R"({"bad_words_ids": [3]})",
                           R"({"bad_words_ids": [[]]})",
                           R"({"bad_words_ids": [["a"]]})",
                           R"({"eos_token_id": "2"})",
                           R"({"eos_token_id": [2, -5]})",
                           R"({"eos_token_id": 4294967296})",
                           R"({"pad_token_id": [1, 2]})",
                           R"({"max_length": -1})",
                           R"({"max_new_tokens": 1e3})",
                           R"({"stop_strings": [1]})",
                           "[]"})
    EXPECT_THROW((void)read(text), Error) << text;
}

TEST(GenerationConfig, FoldersWithoutItHaveTheIdsOfTheModel) {
  const TemporaryFolder folder;
  EXPECT_TRUE(open_generation_config(folder.path()).ends.empty());
  std::ofstream(folder.file("config.json")) << R"({"bos_token_id": 1, "eos_token_id": [2, 3]})";
  EXPECT_THAT(open_generation_config(folder.path()).ends, ElementsAre(2, 3));
  std::ofstream(folder.file("generation_config.json")) << R"({"eos_token_id": 4})";
  EXPECT_THAT(open_generation_config(folder.path()).ends, ElementsAre(4));
}

}  // namespace
}  // namespace strata
