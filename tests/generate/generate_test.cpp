#include "strata/generate/generate.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strata/base/error.h"
#include "strata/models/model.h"
#include "strata/models/tensor_file.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/text/grammar.h"

namespace strata {
namespace {

using testing::ElementsAre;

const std::string kFolder = "tests/golden/hf_language/";

// A small byte-level model with fresh weights.
Model bytes_model() {
  LanguageConfig config = language_size("bytes");
  config.channels = 32;
  config.hidden = 64;
  config.depth = 4;
  config.heads = 4;
  config.context = 64;
  return make_model(config, Random(1));
}

std::vector<int32_t> bytes(const std::string& text) {
  return byte_tokenizer().encode(text);
}

std::vector<std::vector<int32_t>> outputs(const std::vector<Generated>& all) {
  std::vector<std::vector<int32_t>> result;
  result.reserve(all.size());
  for (const auto& each : all) result.push_back(each.tokens);
  return result;
}

// tests/golden/hf_language.py: what transformers' own greedy loop adds, and by how much each token leads.
TEST(Generate, GreedyTokensAreThoseOfTransformers) {
  for (const char* variant : {"llama", "llama_llama3", "llama_yarn", "mistral", "qwen2", "qwen3", "gpt2", "gpt_neox",
                              "gpt_neox_sequential", "opt", "opt_post"}) {
    SCOPED_TRACE(variant);
    const NamedTensors golden = load_tensors(kFolder + variant + "/expected/golden.safetensors");
    const Model model = open_model(kFolder + variant);
    const Tensor tokens =
        golden.at("tokens").slice(0, 0, golden.at("lengths")[0].item<int64_t>()).to(at::kInt).contiguous();
    const std::vector<int32_t> prompt(tokens.const_data_ptr<int32_t>(),
                                      tokens.const_data_ptr<int32_t>() + tokens.numel());
    const Tensor greedy = golden.at("greedy"), gaps = golden.at("gaps");
    for (const bool cached : {true, false}) {
      const auto found =
          generate(model.stack(), {prompt},
                   {.route = identity(model.depth()), .max_new_tokens = greedy.numel(), .cached = cached});
      ASSERT_EQ(std::ssize(found[0].tokens), greedy.numel());
      for (int64_t i = 0; i < greedy.numel() && gaps[i].item<float>() > 2e-4; ++i)
        EXPECT_EQ(found[0].tokens[static_cast<size_t>(i)], greedy[i].item<int64_t>()) << i;
      EXPECT_EQ(found[0].reason, "length");
    }
  }
}

TEST(Generate, CachesChangeNothingAlongAnyRoute) {
  const Model model = bytes_model();
  for (const char* route :
       {"0-3", "3,1,2,0", "0,1x3,2", "0,1+2,3", "1+1,0", "0.mixer+0.ffn,2", "none", "2,2.mixer,0"}) {
    SCOPED_TRACE(route);
    GenerateOptions options{.route = parse_route(route), .max_new_tokens = 12};
    const std::vector<std::vector<int32_t>> prompts = {bytes("In the beginning"), bytes("a"), bytes("let there")};
    const auto cached = outputs(generate(model.stack(), prompts, options));
    options.cached = false;
    EXPECT_EQ(outputs(generate(model.stack(), prompts, options)), cached);
  }
}

TEST(Generate, PromptsTogetherAreAsAlone) {
  const Model model = bytes_model();
  const std::vector<std::vector<int32_t>> prompts = {bytes("In the beginning"), bytes("x"), bytes("day and night"),
                                                     bytes("ab")};
  for (const bool sample : {false, true}) {
    GenerateOptions options{.route = parse_route("0-3"), .max_new_tokens = 10, .copies = 2, .seed = 7, .ends = {101}};
    options.sampling.sample = sample;
    const auto together = generate(model.stack(), prompts, options);
    ASSERT_EQ(together.size(), 8U);
    for (size_t i = 0; i < prompts.size(); ++i) {
      const auto alone = generate(model.stack(), {prompts[i]}, options);
      for (size_t copy = 0; copy < 2; ++copy) {
        EXPECT_EQ(together[2 * i + copy].prompt, static_cast<int64_t>(i));
        EXPECT_EQ(together[2 * i + copy].tokens, alone[copy].tokens);
      }
      EXPECT_EQ(alone[0].tokens == alone[1].tokens, !sample);
    }
  }
}

TEST(Generate, EndsWhereItIsTold) {
  const Model model = bytes_model();
  const Tokenizer tokenizer = byte_tokenizer();
  GenerateOptions options{.route = identity(4), .max_new_tokens = 30, .seed = 1};
  options.sampling = {.sample = true, .top_k = 0};
  const auto whole = generate(model.stack(), {bytes("a")}, options)[0].tokens;
  ASSERT_EQ(whole.size(), 30U);
  options.ends = {whole[5]};
  const auto ended = generate(model.stack(), {bytes("a")}, options)[0];
  EXPECT_EQ(ended.reason, "end");
  EXPECT_EQ(ended.tokens.back(), whole[5]);
  options.ends = {};
  // Printable characters only, so that a stop text can be made of two of them.
  for (int32_t id = 0; id < 256; ++id)
    if (id < 'a' || id > 'd') options.sampling.suppress.push_back(id);
  const auto letters = generate(model.stack(), {bytes("a")}, options, &tokenizer)[0];
  EXPECT_EQ(letters.text.size(), 30U);
  const std::string stop = letters.text.substr(10, 4);
  options.stop = {stop};
  std::string streamed;
  options.on_token = [&](const GeneratedPiece& piece) {
    streamed += piece.text;
    return true;
  };
  const auto stopped = generate(model.stack(), {bytes("a")}, options, &tokenizer)[0];
  EXPECT_EQ(stopped.reason, "stop");
  EXPECT_EQ(stopped.stop, stop);
  EXPECT_EQ(stopped.text, letters.text.substr(0, letters.text.find(stop)));
  EXPECT_EQ(streamed, stopped.text);
  options.on_token = [](const GeneratedPiece&) { return false; };
  const auto broken = generate(model.stack(), {bytes("a")}, options, &tokenizer)[0];
  EXPECT_EQ(broken.reason, "caller");
  EXPECT_EQ(broken.tokens.size(), 1U);
  options.context = 3;
  options.on_token = nullptr;
  EXPECT_EQ(generate(model.stack(), {bytes("ab")}, options, &tokenizer)[0].tokens.size(), 1U);
  EXPECT_EQ(generate(model.stack(), {bytes("abc")}, options, &tokenizer)[0].reason, "length");
}

TEST(Generate, TextGoesOnFromThePrompt) {
  const Model model = bytes_model();
  TokenizerConfig config;
  config.model.vocab = {{"\u2581a", 0}, {"\u2581b", 1}};
  config.decoder = {{.kind = DecoderStep::Kind::metaspace, .text = "\u2581"}};
  const Tokenizer tokenizer(std::move(config), "test");
  GenerateOptions options{.route = identity(4), .max_new_tokens = 3, .copies = 2, .continues = true};
  for (int32_t id = 0; id < 256; ++id)
    if (id != 1) options.sampling.suppress.push_back(id);
  std::string streamed;
  options.on_token = [&](const GeneratedPiece& piece) {
    streamed += piece.copy == 1 ? piece.text : "";
    return true;
  };
  for (const auto& output : generate(model.stack(), {{0, 0}}, options, &tokenizer)) EXPECT_EQ(output.text, " b b b");
  EXPECT_EQ(streamed, " b b b");
  options.stop = {" b"};
  EXPECT_EQ(generate(model.stack(), {{0}}, options, &tokenizer)[0].tokens.size(), 1U);
  options.continues = false;
  EXPECT_EQ(generate(model.stack(), {{0}}, options, &tokenizer)[0].text, "b");
}

TEST(Generate, OutputKeepsToItsGrammar) {
  const Model model = bytes_model();
  const Tokenizer tokenizer = byte_tokenizer();
  std::vector<std::string> tokens;
  tokens.reserve(256);
  for (int32_t id = 0; id < 256; ++id) tokens.push_back(tokenizer.bytes(id));
  const auto trie = std::make_shared<const TokenTrie>(tokens, std::vector<int32_t>{});
  const auto grammar = std::make_shared<const Grammar>(parse_grammar("root ::= [a-c]{3} \"-\" [0-9]{2}"));
  GenerateOptions options{.route = identity(4), .copies = 4};
  options.sampling.sample = true;
  options.constraint = [&] { return make_constraint(grammar, trie); };
  for (const auto& output : generate(model.stack(), {bytes("a"), bytes("bc")}, options, &tokenizer)) {
    EXPECT_TRUE(match_grammar(*grammar, output.text).complete) << output.text;
    EXPECT_EQ(output.reason, "end");
  }
}

TEST(Generate, LogProbabilitiesAreTheModels) {
  const Model model = bytes_model();
  GenerateOptions options{
      .route = identity(4), .max_new_tokens = 6, .log_probabilities = true, .top_log_probabilities = 3};
  const auto output = generate(model.stack(), {bytes("abc")}, options)[0];
  ASSERT_EQ(output.log_probabilities.size(), 6U);
  for (size_t i = 0; i < 6; ++i) {
    ASSERT_EQ(output.top_log_probabilities[i].size(), 3U);
    EXPECT_EQ(output.top_log_probabilities[i][0].first, output.tokens[i]);  // greedy
    EXPECT_FLOAT_EQ(output.top_log_probabilities[i][0].second, output.log_probabilities[i]);
    EXPECT_LE(output.log_probabilities[i], 0);
  }
}

TEST(Generate, WrongInputIsRefused) {
  const Model model = bytes_model();
  const GenerateOptions options{.route = identity(4), .max_new_tokens = 2, .context = 5};
  EXPECT_THROW((void)generate(model.stack(), {{}}, options), Error);
  EXPECT_THROW((void)generate(model.stack(), {{256}}, options), Error);
  EXPECT_THROW((void)generate(model.stack(), {{-1}}, options), Error);
  EXPECT_THROW((void)generate(model.stack(), {bytes("abcdef")}, options), Error);
  EXPECT_THROW((void)generate(model.stack(), {{1}}, {.route = parse_route("0-9")}), Error);
  EXPECT_THROW((void)generate(model.stack(), {{1}}, {.route = identity(4), .stop = {"x"}}), Error);
  EXPECT_TRUE(generate(model.stack(), {}, options).empty());
}

}  // namespace
}  // namespace strata
