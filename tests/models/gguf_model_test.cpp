#include "strata/models/gguf_model.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "strata/base/error.h"
#include "strata/blocks/tokens.h"
#include "strata/formats/convert.h"
#include "strata/models/tensor_file.h"
#include "strata/route/order.h"
#include "strata/stack/run.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

const std::string kModels = "tests/golden/hf_language/";

Tensor logits_of(const Model& model, const NamedTensors& golden) {
  const Tensor& lengths = golden.at("lengths");
  const auto rows =
      ragged_rows({lengths.const_data_ptr<int64_t>(), lengths.const_data_ptr<int64_t>() + lengths.numel()});
  return run(model.stack(), identity(model.depth()), token_stream(golden.at("tokens"), rows)).x();
}

class GgufModels : public testing::TestWithParam<const char*> {};

TEST_P(GgufModels, LogitsAreThoseOfTheFolder) {
  const TemporaryFolder folder;
  const std::string in = kModels + GetParam();
  const NamedTensors golden = load_tensors(in + "/expected/golden.safetensors");
  convert_checkpoint(in, folder.file("a.gguf"), {.dtype = "f32"});
  const Tensor want = logits_of(open_model(in), golden), got = logits_of(open_model(folder.file("a.gguf")), golden);
  EXPECT_TRUE(at::equal(want, got));
  EXPECT_LT((got - golden.at("logits")).abs().max().item<double>(), 2e-5);
  convert_checkpoint(folder.file("a.gguf"), folder.file("back"), {});
  EXPECT_TRUE(at::equal(logits_of(open_model(folder.file("back")), golden), got));
}

TEST_P(GgufModels, EightBitsAreNear) {
  const TemporaryFolder folder;
  const std::string in = kModels + GetParam();
  const NamedTensors golden = load_tensors(in + "/expected/golden.safetensors");
  convert_checkpoint(in, folder.file("a.gguf"), {.dtype = "q8_0"});
  const Tensor got = logits_of(open_model(folder.file("a.gguf")), golden);
  EXPECT_LT(((got - golden.at("logits")).norm() / golden.at("logits").norm()).item<double>(), 0.05);
}

INSTANTIATE_TEST_SUITE_P(Families, GgufModels,
                         testing::Values("llama", "llama_linear", "llama_llama3", "llama_yarn", "llama_yarn_factor",
                                         "mistral", "mistral_full", "qwen2_plain", "qwen3", "gpt2", "gpt_neox",
                                         "gpt_neox_sequential"),
                         [](const auto& name) { return std::string(name.param); });

// Head and table of tokens that config.json calls one: what opens as a folder is what the converted file is.
TEST(GgufModel, TiedTablesFollowTheFile) {
  const std::string table = "model.embed_tokens.weight", head = "lm_head.weight";
  const auto check = [&](const char* what, auto&& change, bool tied) {
    SCOPED_TRACE(what);
    const TemporaryFolder folder;
    const std::string in = kModels + "llama_linear";
    std::filesystem::copy(in, folder.file("in"));
    NamedTensors tensors = load_tensors(in + "/model.safetensors");
    change(tensors);
    save_tensors(folder.file("in/model.safetensors"), tensors);
    convert_checkpoint(folder.file("in"), folder.file("a.gguf"), {.dtype = "f32"});
    const NamedTensors golden = load_tensors(in + "/expected/golden.safetensors");
    const Model converted = open_model(folder.file("a.gguf"));
    EXPECT_TRUE(at::equal(logits_of(converted, golden), logits_of(open_model(folder.file("in")), golden)));
    EXPECT_EQ(converted.language.tied, tied);
  };
  check("both", [&](NamedTensors& t) { t[head] = t.at(table).clone(); }, true);
  check("the head alone", [&](NamedTensors& t) { t[head] = t.at(table), t.erase(table); }, true);
  check("two that differ", [&](NamedTensors& t) { t[head] = t.at(table) + 1; }, false);
}

TEST(GgufModel, HeaderAloneHasNoWeights) {
  const TemporaryFolder folder;
  convert_checkpoint(kModels + "qwen3", folder.file("a.gguf"), {});
  const Model model = open_model_header(folder.file("a.gguf"));
  EXPECT_TRUE(model.stacks.empty());
  EXPECT_EQ(model.architecture, "qwen3");
  EXPECT_EQ(model.notes.block_ids.size(), static_cast<size_t>(model.depth()));
}

}  // namespace
}  // namespace strata
