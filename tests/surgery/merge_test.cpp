#include "strata/surgery/merge.h"

#include <gmock/gmock.h>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/route/parse.h"
#include "strata/surgery/combine.h"
#include "strata/surgery/interface.h"
#include "tests/surgery/small_model.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

MergeConfig config_of(const std::string& yaml) {
  return read_mergekit(parse_yaml(yaml, "m.yml"));
}

void refuses(const std::string& yaml, const std::string& because) {
  EXPECT_THAT([&] { config_of(yaml); }, ThrowsMessage<Error>(HasSubstr(because))) << yaml;
}

void expect_same(const Model& a, const Model& b) {
  ASSERT_EQ(a.stack().weights.entries().size(), b.stack().weights.entries().size());
  for (const auto& entry : a.stack().weights.entries())
    EXPECT_TRUE(at::equal(entry.value, b.stack().weights.at(entry.name))) << entry.name;
}

// A descendant of `start`: every weight moved a little.
Model descendant(const Model& start, uint64_t seed, double step = 0.02) {
  Model model = start;
  Random random(seed);
  for (auto& entry : model.stack().weights.entries()) {
    Tensor value = entry.value.to(at::kDouble).contiguous().clone();
    for (int64_t i = 0; i < value.numel(); ++i) value.mutable_data_ptr<double>()[i] += step * random.normal();
    entry.value = value.to(entry.value.scalar_type());
  }
  return model;
}

// ---- recipes -------------------------------------------------------------------------------------------------------

TEST(MergeConfig, RecipeAsMergekitWritesThem) {
  const MergeConfig config = config_of(R"(
slices:
  - sources:
      - model: start/base
        layer_range: [0, 4]
      - model: other
        layer_range: [0, 4]
        parameters: {density: 0.5}
merge_method: dare_ties
base_model: start/base
parameters:
  weight:
    - filter: attention
      value: [0, 0.5, 1]
    - value: 0.25
  int8_mask: true
  lambda: 0.9
dtype: bfloat16
)");
  EXPECT_EQ(config.method, MergeMethod::dare_ties);
  EXPECT_EQ(config.dtype, "bfloat16");
  EXPECT_THAT(models_of(config), ElementsAre("start/base", "other"));
  ASSERT_EQ(config.slices.size(), 1U);
  const MergeSlice& slice = config.slices[0];
  const MergeInput& input = slice.inputs[1];
  EXPECT_EQ(input.last, 4);
  const auto get = [&](const char* name, const char* tensor, double t) {
    return parameter(config, slice, &input, name, tensor, t, -1);
  };
  EXPECT_EQ(get("density", "x", 0), 0.5);
  EXPECT_EQ(get("weight", "layer.0.attention.query", 0), 0);
  EXPECT_EQ(get("weight", "layer.0.attention.query", 0.25), 0.25);
  EXPECT_EQ(get("weight", "layer.0.attention.query", 1), 1);
  EXPECT_EQ(get("weight", "layer.0.mlp", 1), 0.25);
  EXPECT_EQ(get("lambda", "x", 0), 0.9);
  EXPECT_EQ(get("normalize", "x", 0), -1);
}

TEST(MergeConfig, OwnParametersBeforeTheSlicesBeforeTheMerges) {
  const MergeConfig config = config_of(R"(
slices:
  - sources: [{model: a, layer_range: [0, 1], parameters: {scale: 2}}]
    parameters: {scale: 3}
  - sources: [{model: a, layer_range: [0, 1]}]
    parameters: {scale: 3}
  - sources: [{model: a, layer_range: [0, 1], parameters: {scale: [{filter: down, value: 9}]}}]
merge_method: passthrough
parameters: {scale: 4}
)");
  const auto scale = [&](size_t slice, const char* tensor) {
    return parameter(config, config.slices[slice], config.slices[slice].inputs.data(), "scale", tensor, 0, 1);
  };
  EXPECT_EQ(scale(0, "x"), 2);
  EXPECT_EQ(scale(1, "x"), 3);
  EXPECT_EQ(scale(2, "down"), 9);
  EXPECT_EQ(scale(2, "x"), 4);
}

TEST(MergeConfig, WhatWeDoNotDoIsNeverIgnored) {
  const std::string models = "models: [{model: a, parameters: {weight: 1}}]\n";
  refuses(models + "merge_method: model_stock", "m.yml:2:15: merge: unknown method 'model_stock'");
  refuses(models, "merge_method");
  refuses("merge_method: linear", "either models or slices");
  refuses(models + "merge_method: linear\ntokenizer: {source: base, tokens: {x: {source: a}}}",
          "'tokens' is not supported");
  refuses(models + "merge_method: linear\ntokenizer: {source: base}\ntokenizer_source: base", "either tokenizer");
  refuses(models + "merge_method: linear\nchat_template: chatml", "chat_template: expected auto");
  refuses(models + "merge_method: linear\ndtype: int8", "dtype: expected float32");
  refuses(models + "merge_method: linear\nparameters: {t: 1}", "no parameter 't'");
  refuses(models + "merge_method: ties", "base_model");
  refuses("models: [{model: a, parameters: {weight: 1}}, {model: b}]\nmerge_method: slerp\nbase_model: a",
          "no parameter 'weight'");
  refuses("models: [{model: a}, {model: b}, {model: c}]\nmerge_method: slerp\nbase_model: a", "one other model");
  refuses("models: []\nmerge_method: linear", "found none");
  refuses("models: [{model: a, layer_range: [0, 2]}]\nmerge_method: linear", "'layer_range' is not supported");
  refuses("models: [{model: a}, {model: b}]\nmerge_method: passthrough", "copies one model");
  refuses("models: [{model: a, parameters: {normalize: true}}]\nmerge_method: linear", "not to one model");
  refuses("models: [{parameters: {weight: 1}}]\nmerge_method: linear", "model: expected the folder");
  refuses("slices: [{sources: [{model: a}]}]\nmerge_method: passthrough", "layer_range: expected");
  refuses("slices: [{sources: [{model: a, layer_range: [2, 1]}]}]\nmerge_method: passthrough", "ascending");
  refuses("slices: [{sources: [{model: a, layer_range: [0, 99999999]}]}]\nmerge_method: passthrough", "up to 4096");
  refuses(
      "slices: [{sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: [0, 3]}]}]\n"
      "merge_method: linear",
      "as many layers");
  refuses("slices: [{sources: [{model: a, layer_range: [0, 2]}]}]\nmerge_method: ties\nbase_model: b",
          "among the sources of every slice");
  refuses("models: [{model: a, parameters: {weight: many}}]\nmerge_method: linear", "weight: expected a number");
  refuses("models: [{model: a, parameters: {weight: []}}]\nmerge_method: linear", "weight: expected a number");
  refuses("models: [{model: a, parameters: {weight: [{filter: x}]}}]\nmerge_method: linear", "a value");
}

// ---- merging -------------------------------------------------------------------------------------------------------

TEST(Merge, CopiesOfOneModelAreThatModelBitForBit) {
  const Model model = small_model(1);
  const ModelSources models = {{"a", &model}, {"b", &model}, {"c", &model}};
  for (const char* method : {"linear", "task_arithmetic", "ties", "dare_linear", "dare_ties"}) {
    SCOPED_TRACE(method);
    const std::string density = method[0] == 'd' || method[1] == 'i' ? ", density: 0.5" : "";
    const std::string inner = std::string(method) == "linear" ? "weight: 0.3" : "weight: 0.3" + density;
    expect_same(
        merge(config_of("models: [{model: a, parameters: {" + inner + "}}, {model: b, parameters: {" + inner +
                        "}}, {model: c, parameters: {" + inner + "}}]\nmerge_method: " + method + "\nbase_model: a"),
              models),
        model);
  }
  expect_same(merge(config_of("models: [{model: a}, {model: b}]\nmerge_method: slerp\nbase_model: a\n"
                              "parameters: {t: 0.3}"),
                    models),
              model);
  expect_same(merge(config_of("slices: [{sources: [{model: a, layer_range: [0, 2]}]}, {sources: [{model: b, "
                              "layer_range: [2, 4]}]}]\nmerge_method: passthrough"),
                    models),
              model);
}

TEST(Merge, TaskArithmeticWithWeightOneReturnsTheModel) {
  const Model base = small_model(1), tuned = descendant(base, 2);
  expect_same(merge(config_of("models: [{model: tuned, parameters: {weight: 1}}]\nmerge_method: task_arithmetic\n"
                              "base_model: base"),
                    {{"base", &base}, {"tuned", &tuned}}),
              tuned);
}

TEST(Merge, EachTensorByItsFormulaInTheCheckpointsPieces) {
  const Model base = small_model(1), a = descendant(base, 2), b = descendant(base, 3);
  const Model merged = merge(config_of(R"(
models:
  - {model: a, parameters: {weight: 0.5, density: 0.4}}
  - {model: b, parameters: {weight: 2, density: 0.7}}
merge_method: ties
base_model: base
parameters: {lambda: 0.8}
)"),
                             {{"base", &base}, {"a", &a}, {"b", &b}});
  const auto expected = [&](const std::string& name, int64_t begin, int64_t size) {
    const auto piece = [&](const Model& model) { return model.stack().weights.at(name).slice(0, begin, begin + size); };
    return disjoint_sum(piece(base), {trim(piece(a) - piece(base), 0.4), trim(piece(b) - piece(base), 0.7)}, {0.5, 2},
                        {.lambda = 0.8, .normalize = true});
  };
  const Tensor& qkv = merged.stack().weights.at("blocks.1.mixer.qkv.weight");
  for (int64_t part = 0; part < 3; ++part)
    EXPECT_TRUE(
        at::equal(qkv.slice(0, part * 16, part * 16 + 16), expected("blocks.1.mixer.qkv.weight", part * 16, 16)));
  EXPECT_TRUE(at::equal(merged.stack().weights.at("head.bias"), expected("head.bias", 0, 4)));
}

TEST(Merge, GradientsRunOverLayersAndEndsStandOutside) {
  const Model a = small_model(1), b = small_model(2);
  const Model merged = merge(config_of(R"(
models: [{model: a}, {model: b}]
merge_method: slerp
base_model: a
parameters:
  t:
    - filter: query
      value: [1, 0]
    - value: [0, 1]
)"),
                             {{"a", &a}, {"b", &b}});
  const auto piece = [](const Model& model, const std::string& name) { return model.stack().weights.at(name); };
  const auto expect = [&](const std::string& name, double t) {
    EXPECT_TRUE(at::equal(piece(merged, name), slerp(piece(a, name), piece(b, name), t))) << name;
  };
  expect("embed.projection.weight", 0);
  expect("head.weight", 0);  // as mergekit since 0.1.2
  expect("norm.weight", 0);
  for (int64_t layer = 0; layer < 4; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".";
    const double t = static_cast<double>(layer) / 3;
    expect(block + "ffn.up.weight", t);
    const auto part = [&](const Model& model, int64_t i) {
      return piece(model, block + "mixer.qkv.weight").slice(0, i * 16, i * 16 + 16);
    };
    EXPECT_TRUE(at::equal(part(merged, 0), slerp(part(a, 0), part(b, 0), 1 - t)));
    EXPECT_TRUE(at::equal(part(merged, 2), slerp(part(a, 2), part(b, 2), t)));
  }
}

TEST(Merge, PassthroughIsTheRouteThroughSources) {
  const Model a = small_model(1), b = small_model(2);
  Model by_slices = merge(config_of(R"(
slices:
  - sources: [{model: a, layer_range: [0, 3]}]
  - sources: [{model: b, layer_range: [1, 3]}]
  - sources: [{model: a, layer_range: [2, 4]}]
merge_method: passthrough
)"),
                          {{"a", &a}, {"b", &b}});
  const Route route = parse_route("0-2,b:1-2,2,3");
  const Model by_route = assemble(a, route, {{"b", &b}});
  expect_same(by_slices, by_route);
  EXPECT_THAT(by_route.notes.block_ids,
              ElementsAre("block0", "block1", "block2", "b:block1", "b:block2", "block2#2", "block3"));
  EXPECT_EQ(by_slices.notes.block_ids, by_route.notes.block_ids);
  const StackSources stacks{{"b", &b.stack()}};
  EXPECT_TRUE(at::equal(logits_of(by_route), logits_of(a, route, {.sources = &stacks})));
}

TEST(Merge, BlocksOfARearrangedModelKeepNamesApart) {
  const Model twice = assemble(small_model(1), parse_route("0,0,1"));
  EXPECT_THAT(twice.notes.block_ids, ElementsAre("block0", "block0#2", "block1"));
  EXPECT_THAT(assemble(twice, parse_route("0,0,1,1")).notes.block_ids,
              ElementsAre("block0", "block0#2", "block0#2#2", "block0#2#3"));
}

TEST(Merge, ScaleOfARepeatedLayer) {
  const Model a = small_model(1);
  const Model merged = merge(config_of(R"(
slices:
  - sources: [{model: a, layer_range: [0, 4]}]
  - sources: [{model: a, layer_range: [3, 4], parameters: {scale: [{filter: output.dense, value: 0}]}}]
merge_method: passthrough
)"),
                             {{"a", &a}});
  // A block whose output projections are zero adds nothing.
  EXPECT_EQ(merged.stack().depth(), 5);
  EXPECT_TRUE(at::equal(logits_of(merged), logits_of(a)));
}

TEST(Merge, DareDependsOnTheSeedAlone) {
  const Model base = small_model(1), a = descendant(base, 2);
  MergeConfig config = config_of(
      "models: [{model: a, parameters: {weight: 1, density: 0.5}}]\nmerge_method: dare_linear\nbase_model: base");
  const ModelSources models = {{"base", &base}, {"a", &a}};
  const Model first = merge(config, models);
  expect_same(merge(config, models), first);
  config.seed = 1;
  const std::string name = "blocks.0.ffn.up.weight";
  EXPECT_FALSE(at::equal(merge(config, models).stack().weights.at(name), first.stack().weights.at(name)));
  const Tensor moved = (first.stack().weights.at(name) - base.stack().weights.at(name)).abs() > 0;
  const double share = moved.to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(share, 0.5, 4 * 0.5 / std::sqrt(moved.numel()));
}

TEST(Merge, SixteenBitsOnDisk) {
  const Model a = small_model(1, 2, "none", at::kFloat);
  const Model merged = merge(
      config_of("models: [{model: a, parameters: {weight: 1}}]\nmerge_method: linear\ndtype: bfloat16"), {{"a", &a}});
  const TemporaryFolder folder;
  save_model(folder.file("m"), merged);
  const Model back = open_model(folder.file("m"));
  for (const auto& entry : a.stack().weights.entries())
    EXPECT_TRUE(at::equal(back.stack().weights.at(entry.name), entry.value.to(at::kBFloat16).to(at::kFloat)));
}

TEST(Merge, ModelsThatDoNotFit) {
  const Model a = small_model(1), deep = small_model(2, 5), single = small_model(3, 4, "none", at::kFloat);
  Model other_classes = small_model(4);
  other_classes.classes = {"w", "x", "y", "z"};
  Model other_pixels = small_model(5);
  other_pixels.pixel_mean = {0.1};
  Model hidden = make_model({.image_height = 8,
                             .image_width = 8,
                             .image_channels = 1,
                             .patch_height = 4,
                             .patch_width = 4,
                             .channels = 16,
                             .depth = 4,
                             .heads = 2,
                             .hidden = 32,
                             .classes = 4},
                            Random(1));
  const auto refuse = [&](const Model& b, const std::string& because) {
    EXPECT_THAT(
        [&] {
          merge(config_of("models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]\n"
                          "merge_method: linear"),
                {{"a", &a}, {"b", &b}});
        },
        ThrowsMessage<Error>(HasSubstr(because)));
  };
  refuse(deep, "one depth");
  refuse(single, "dtype");
  refuse(other_classes, "found others: class 0 is 'w', not 'LABEL_0'");
  other_classes.classes = {"LABEL_0", "LABEL_2", "LABEL_1", "LABEL_3"};
  refuse(other_classes, "found the same in another order: class 1 is 'LABEL_2', not 'LABEL_1'");
  refuse(other_pixels, "pixels");
  refuse(hidden, "hidden");
  VitConfig wide = a.vit;
  wide.image_width = 16;  // more positions
  Model other_size = make_model(wide, Random(1));
  for (auto& entry : other_size.stack().weights.entries()) entry.value = entry.value.to(at::kDouble);
  refuse(other_size, "'embed.positions' of b to be [5, 16], found [9, 16]");
  EXPECT_THAT(
      [&] {
        merge(config_of("slices: [{sources: [{model: a, layer_range: [2, 5]}]}]\nmerge_method: passthrough"),
              {{"a", &a}});
      },
      ThrowsMessage<Error>(HasSubstr("up to 4")));
  const Model position = small_model(1, 4, "position"), other_position = small_model(2, 4, "position");
  EXPECT_THAT([&] { assemble(position, parse_route("0,b:1"), {{"b", &other_position}}); },
              ThrowsMessage<Error>(HasSubstr("slot_table")));
  EXPECT_THAT([&] { assemble(position, parse_route("0-3,0"), {}); }, ThrowsMessage<Error>(HasSubstr("4 slots")));
}

// Whose head is the embedding, whose is a table of its own, and how long that is, must agree.
TEST(Merge, TiedTables) {
  LanguageConfig config{.vocab = 20, .channels = 8, .depth = 2, .heads = 2, .hidden = 12, .context = 16, .tied = true};
  const Model tied = make_model(config, Random(1)), other = make_model(config, Random(2));
  config.tied = false;
  const Model apart = make_model(config, Random(3));
  config.tied = true;
  config.vocab = 24;
  const Model longer = make_model(config, Random(4));
  const MergeConfig soup_of_two = config_of(
      "models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]\nmerge_method: linear");
  const Model merged = merge(soup_of_two, {{"a", &tied}, {"b", &other}});
  const std::string table = "shared.tokens.weight";
  EXPECT_TRUE(at::equal(merged.stack().weights.at(table),
                        soup({tied.stack().weights.at(table), other.stack().weights.at(table)}, {1, 1})));
  EXPECT_TRUE(merged.language.tied);
  const auto refuse = [&](const Model& a, const Model& b, const char* because) {
    EXPECT_THAT([&] { merge(soup_of_two, {{"a", &a}, {"b", &b}}); }, ThrowsMessage<Error>(HasSubstr(because)));
  };
  refuse(tied, apart, "found two tables");
  refuse(apart, tied, "found one table");
  refuse(tied, longer, "different sizes");
}

TEST(Merge, ParametersWithoutASayAreAccepted) {
  const Model base = small_model(1), a = descendant(base, 2);
  const ModelSources models{{"base", &base}, {"a", &a}};
  const std::string recipe = "models: [{model: a, parameters: {weight: 0.5}}]\nbase_model: base\nmerge_method: ";
  expect_same(
      merge(config_of(recipe + "task_arithmetic\nparameters: {rescale: true, int8_mask: true, density: 0.3}"), models),
      merge(config_of(recipe + "task_arithmetic"), models));
  const std::string name = "blocks.1.ffn.up.weight";
  const Tensor& start = base.stack().weights.at(name);
  const Model scaled = merge(config_of(recipe + "ties\nparameters: {rescale: true, density: 0.3}"), models);
  EXPECT_TRUE(at::equal(scaled.stack().weights.at(name).flatten(),
                        disjoint_sum(start.flatten(), {trim((a.stack().weights.at(name) - start).flatten(), 0.3, true)},
                                     {0.5}, {.normalize = true})));
}

// The tokeniser and the chat template stay the base's; whatever else would be needed is refused.
TEST(Merge, TokenizersMustBeTheSameWhereTheRecipeNamesThem) {
  const LanguageConfig config{.vocab = 20, .channels = 8, .depth = 1, .heads = 2, .hidden = 12, .context = 16};
  Model a = make_model(config, Random(1)), b = make_model(config, Random(2));
  const auto tokenizer = [](const char* second) {
    return std::string(R"({"model": {"vocab": {"x": 0, ")") + second +
           R"(": 1}}, "added_tokens": [{"id": 2, "content": "<s>"}]})";
  };
  a.companions["tokenizer.json"] = tokenizer("y");
  const std::string recipe =
      "models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]\nmerge_method: linear\n";
  const auto merged = [&](const std::string& more) { return merge(config_of(recipe + more), {{"a", &a}, {"b", &b}}); };
  const auto refuse = [&](const std::string& more, const char* because) {
    EXPECT_THAT([&] { merged(more); }, ThrowsMessage<Error>(HasSubstr(because))) << more;
  };
  const char* const all[] = {"tokenizer_source: base", "tokenizer_source: union", "tokenizer_source: a",
                             "tokenizer: {source: base}", "tokenizer: {}"};
  for (const char* other : {"", "y"}) {
    if (*other) b.companions["tokenizer.json"] = tokenizer(other) + "\n";  // the same, written otherwise
    for (const char* more : all)
      EXPECT_EQ(merged(more).companions.at("tokenizer.json"), a.companions.at("tokenizer.json")) << more;
  }
  refuse("tokenizer_source: b", "expected base, union, or a");
  b.companions["tokenizer.json"] = tokenizer("z");
  for (const char* more : all) refuse(more, "expected the vocabulary of b to be that of a");
  EXPECT_NO_THROW(merged(""));

  a.companions["chat_template.jinja"] = "{{ a }}";
  EXPECT_EQ(merged("chat_template: auto").companions.at("chat_template.jinja"), "{{ a }}");
  EXPECT_EQ(merged("chat_template: '{{ c }}'").companions.at("chat_template.jinja"), "{{ c }}");
  b.companions["tokenizer_config.json"] = R"({"chat_template": "{{ b }}"})";
  refuse("chat_template: auto", "expected the template of b");
}

// ---- the interface check -------------------------------------------------------------------------------------------

TEST(Interface, CkaHandWorked) {
  // Centred columns (-1, 1, 0) and (-1, 0, 1): X^T Y = 1, X^T X = Y^T Y = 2.
  const Tensor x = at::tensor({0.0, 2.0, 1.0}, at::kDouble).view({3, 1}),
               y = at::tensor({4.0, 5.0, 6.0}, at::kDouble).view({3, 1});
  EXPECT_NEAR(linear_cka(x, y), 0.25, 1e-15);
  at::manual_seed(3);
  const Tensor a = at::randn({40, 5}, at::kDouble);
  const Tensor rotation = std::get<0>(at::linalg_qr(at::randn({5, 5}, at::kDouble)));
  EXPECT_NEAR(linear_cka(a, a), 1, 1e-12);
  EXPECT_NEAR(linear_cka(a, 3 * a.mm(rotation) + 7), 1, 1e-12);
  const Tensor b = at::randn({40, 7}, at::kDouble);
  EXPECT_LT(linear_cka(a, b), 0.5);
  EXPECT_NEAR(linear_cka(a, b), linear_cka(b, a), 1e-14);
  EXPECT_TRUE(std::isnan(linear_cka(a, at::ones({40, 2}, at::kDouble))));
  EXPECT_THROW(linear_cka(a, at::ones({39, 2}, at::kDouble)), Error);
}

TEST(Interface, SeamsAreWhereNeighboursAreNew) {
  const Model a = small_model(1), b = small_model(2);
  const ModelSources sources{{"b", &b}};
  const Tensor pixels = normalised(small_images(10).pixels, {}).to(at::kDouble);
  const auto seams = [&](const char* text) {
    const Route route = parse_route(text);
    return seams_of(assemble(a, route, sources), a, origins_of(a, route, sources), image_stream(pixels));
  };
  EXPECT_TRUE(seams("0-3").empty());
  const auto found = seams("0,1,b:2-3");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].slot, 2);
  EXPECT_EQ(found[0].block, "b:2");
  EXPECT_EQ(found[1].block, "head");
  EXPECT_GT(found[0].difference, 0.1);
  EXPECT_LT(found[0].cka, 1);
  const auto pruned = seams("0,2,3");
  ASSERT_EQ(pruned.size(), 1U);
  EXPECT_EQ(pruned[0].block, "2");
  const auto early = seams("1-3");
  ASSERT_EQ(early.size(), 1U);
  EXPECT_EQ(early[0].slot, 0);
}

TEST(Interface, NothingChangesBetweenCopies) {
  const Model a = small_model(1);
  const Tensor pixels = normalised(small_images(10).pixels, {}).to(at::kDouble);
  for (const Seam& seam : seams_between(a, "a", a, image_stream(pixels))) {
    EXPECT_EQ(seam.difference, 0);
    EXPECT_EQ(seam.norm_then, seam.norm_now);
    EXPECT_NEAR(seam.cka, 1, 1e-12);
  }
}

TEST(Interface, KinshipTellsDescendantsFromStrangers) {
  const Model a = small_model(1);
  EXPECT_NEAR(kinship(a, a), 1, 1e-12);
  EXPECT_GT(kinship(a, descendant(a, 3)), 0.9);
  EXPECT_LT(std::abs(kinship(a, small_model(2))), 0.05);
  EXPECT_GT(kinship(a, descendant(a, 3)), kLeastKinship);
}

}  // namespace
}  // namespace strata
