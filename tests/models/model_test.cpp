#include "strata/models/model.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/blocks/patches.h"
#include "strata/models/adapt.h"
#include "strata/models/tensor_file.h"
#include "strata/models/vit_names.h"
#include "strata/stack/run.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const std::string kHuggingFace = "tests/golden/hf_vit";  // tests/golden/hf_vit.py: transformers 5.23

VitConfig small_config(const std::string& slots) {
  VitConfig config = vit_size("fashion");
  config.channels = 12;
  config.hidden = 20;
  config.depth = 2;
  config.slots = slots;
  config.slot_count = slots == "none" ? 0 : 3;
  return config;
}

Tensor logits_of(const Model& model, const Tensor& pixels) {
  return run(model.stack(), identity(model.vit.depth), image_stream(pixels)).x();
}

void expect_same_weights(const Model& a, const Model& b) {
  ASSERT_EQ(a.stack().weights.entries().size(), b.stack().weights.entries().size());
  for (size_t i = 0; i < a.stack().weights.entries().size(); ++i) {
    const auto &x = a.stack().weights.entries()[i], &y = b.stack().weights.entries()[i];
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.decay, y.decay);
    EXPECT_EQ(x.value.scalar_type(), y.value.scalar_type());
    EXPECT_TRUE(at::equal(x.value, y.value)) << x.name;
  }
}

// A copy of the Hugging Face fixture that a test can damage.
class Damaged {
 public:
  Damaged() {
    fs::copy(kHuggingFace + "/config.json", config());
    fs::copy(kHuggingFace + "/model.safetensors", tensors());
  }
  std::string config() const { return folder_.file("config.json"); }
  std::string tensors() const { return folder_.file("model.safetensors"); }
  std::string file(const std::string& name) const { return folder_.file(name); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::trunc) << text;
  }
  void set(const std::string& key, const json& value) const {
    json tree = json::parse(read_text(config(), 1 << 20));
    tree[key] = value;
    write("config.json", tree.dump());
  }
  Model open() const { return open_model(folder_.path()); }
  void refuses(const std::string& because, const std::string& where = "") const {
    EXPECT_THAT([this] { open(); }, ThrowsMessage<Error>(AllOf(HasSubstr(because), HasSubstr(where))));
  }

 private:
  TemporaryFolder folder_;
};

TEST(Model, RoundTripIsBitIdenticalForEverySlotVariant) {
  for (const std::string slots : {"none", "position", "predict"}) {
    SCOPED_TRACE(slots);
    const TemporaryFolder folder;
    Model model = make_model(small_config(slots), Random(3));
    model.classes[4] = "coat \"x\" é";
    model.pixel_mean = {0.286};
    model.pixel_std = {0.353};
    model.notes = {.block_ids = {"first", "second"},
                   .trained_routes = {"shuffle"},
                   .recipe = "elastic",
                   .strata_version = "0.1.0",
                   .steps = 600,
                   .seed = ~0ULL};
    save_model(folder.file("model"), model);
    const Model opened = open_model(folder.file("model"));
    expect_same_weights(model, opened);
    EXPECT_EQ(opened.classes, model.classes);
    EXPECT_EQ(opened.pixel_mean, model.pixel_mean);
    EXPECT_EQ(opened.pixel_std, model.pixel_std);
    EXPECT_EQ(opened.notes.block_ids, model.notes.block_ids);
    EXPECT_EQ(opened.notes.trained_routes, model.notes.trained_routes);
    EXPECT_EQ(opened.notes.recipe, "elastic");
    EXPECT_EQ(opened.notes.seed, ~0ULL);
    EXPECT_EQ(opened.notes.steps, 600);
    EXPECT_EQ(opened.vit.slots, slots);
    EXPECT_EQ(opened.vit.slot_count, model.vit.slot_count);
    EXPECT_EQ(opened.vit.norm_eps, model.vit.norm_eps);
    save_model(folder.file("again"), opened);
    for (const char* name : {"config.json", "model.safetensors", "preprocessor_config.json", "strata.json"})
      EXPECT_EQ(read_text(folder.file("model/") + name, 1 << 20), read_text(folder.file("again/") + name, 1 << 20))
          << name;
  }
}

TEST(Model, Float64SurvivesAndHalvesBecomeFloat32) {
  const TemporaryFolder folder;
  Model model = make_model(small_config("none"), Random(3));
  for (auto& entry : model.stack().weights.entries()) entry.value = entry.value.to(at::kDouble) + 1e-12;
  save_model(folder.file("double"), model);
  expect_same_weights(open_model(folder.file("double")), model);
  for (auto& entry : model.stack().weights.entries()) entry.value = entry.value.to(at::kBFloat16);
  save_model(folder.file("bf16"), model);
  for (auto& entry : model.stack().weights.entries()) entry.value = entry.value.to(at::kFloat);
  expect_same_weights(open_model(folder.file("bf16")), model);
}

TEST(Model, OpensWhatTransformersSaved) {
  const Model model = open_model(kHuggingFace);
  EXPECT_EQ(model.vit.image_height, 8);
  EXPECT_EQ(model.vit.image_width, 12);
  EXPECT_EQ(model.vit.patch_width, 3);
  EXPECT_EQ(model.classes, (std::vector<std::string>{"red", "green", "blue", "héllo", "5"}));
  EXPECT_DOUBLE_EQ(model.vit.norm_eps, 1e-12);
  const NamedTensors expected = load_tensors(kHuggingFace + "/expected/golden.safetensors");
  EXPECT_LE((logits_of(model, expected.at("pixels")) - expected.at("logits")).abs().max().item<double>(), 1e-5);
}

TEST(Model, WritesWhatTransformersWrites) {
  const TemporaryFolder folder;
  save_model(folder.file("model"), open_model(kHuggingFace));
  EXPECT_EQ(read_text(folder.file("model/model.safetensors"), 1 << 20),
            read_text(kHuggingFace + "/model.safetensors", 1 << 20));
  const json ours = json::parse(read_text(folder.file("model/config.json"), 1 << 20));
  json theirs = json::parse(read_text(kHuggingFace + "/config.json", 1 << 20));
  theirs["torch_dtype"] = theirs["dtype"];  // the name in version 4
  EXPECT_EQ(ours, theirs);
}

TEST(Model, OpensModuleNamesOfVersion5AndOlderConfigs) {
  const Damaged folder;
  fs::copy_file(kHuggingFace + "/expected/state_dict.safetensors", folder.tensors(),
                fs::copy_options::overwrite_existing);
  expect_same_weights(folder.open(), open_model(kHuggingFace));
  json older = json::parse(read_text(folder.config(), 1 << 20));
  for (const char* key :
       {"dtype", "pooler_act", "pooler_output_size", "encoder_stride", "layer_norm_eps", "architectures"})
    older.erase(key);
  older["torch_dtype"] = "float32";
  older["qkv_bias"] = nullptr;
  older["something_new"] = nullptr;
  folder.write("config.json", older.dump());
  expect_same_weights(folder.open(), open_model(kHuggingFace));
}

// config.json comes back as it was opened, whatever the model computes with.
TEST(Model, KeepsKeysOfConfigThatAreNotItsOwn) {
  const Damaged folder;
  const std::pair<const char*, json> kept[] = {{"hidden_dropout_prob", 0.1},
                                               {"attention_probs_dropout_prob", 0.2},
                                               {"encoder_stride", 8},
                                               {"pooler_act", "relu"},
                                               {"problem_type", "multi_label_classification"},
                                               {"transformers_version", "4.13.0.dev0"},
                                               {"_name_or_path", "google/vit-base-patch16-224"},
                                               {"_num_labels", 5},
                                               {"_note", "by hand"},
                                               {"finetuning_task", nullptr}};
  for (const auto& [key, value] : kept) folder.set(key, value);
  const json before = json::parse(read_text(folder.config(), 1 << 20));
  const TemporaryFolder saved;
  Model model = folder.open();
  save_model(saved.file("same"), model);
  json after = json::parse(read_text(saved.file("same/config.json"), 1 << 20));
  after.erase("torch_dtype");
  EXPECT_EQ(after, before);
  // Trained for other classes it has another problem, and the same rates.
  VitConfig config = model.vit;
  config.classes = 3;
  model.notes.provenance = {{"prune", "route 0,1", {"elsewhere"}}};
  const Model tuned = adapted(model, config, false, Random(1));
  EXPECT_EQ(tuned.notes.provenance.size(), 1U);
  save_model(saved.file("tuned"), tuned);
  after = json::parse(read_text(saved.file("tuned/config.json"), 1 << 20));
  EXPECT_EQ(after.at("hidden_dropout_prob"), 0.1);
  EXPECT_FALSE(after.contains("problem_type") || after.contains("_num_labels")) << after;
  EXPECT_EQ(after.at("id2label").size(), 3U);
}

TEST(Model, RefusesKeysThatCouldChangeWhatItComputes) {
  const std::pair<const char*, json> wrong[] = {{"num_register_tokens", 4},
                                                {"layerscale_value", 0.1},
                                                {"use_mean_pooling", true},
                                                {"something_new", {1, 2}},
                                                {"position_embedding_type", "relative"},
                                                {"pruned_heads", {{"0", {1}}}},
                                                {"quantization_config", {{"bits", 8}}}};
  for (const auto& [key, value] : wrong) {
    SCOPED_TRACE(key);
    const Damaged folder;
    folder.set(key, value);
    folder.refuses(std::string("config.json: ") + key + ": expected no such key", "delete the key");
  }
  const Damaged folder;
  for (const char* key : {"num_register_tokens", "layerscale_value"}) folder.set(key, nullptr);
  folder.set("pruned_heads", json::object());
  folder.set("use_mean_pooling", false);
  EXPECT_NO_THROW(folder.open());
}

// What came in 16 bits and was not changed goes out in them; what was changed loses nothing.
TEST(Model, SixteenBitsComeBackInSixteen) {
  for (const auto& [type, name] : {std::pair{at::kBFloat16, "bfloat16"}, std::pair{at::kHalf, "float16"}}) {
    SCOPED_TRACE(name);
    const TemporaryFolder folder;
    Model vit = make_model(small_config("none"), Random(3));
    Model text = make_model(
        LanguageConfig{.vocab = 20, .channels = 8, .depth = 2, .heads = 2, .hidden = 12, .context = 16}, Random(1));
    for (Model* model : {&vit, &text}) {
      for (auto& entry : model->stack().weights.entries()) entry.value = entry.value.to(type);
      save_model(folder.file("first"), *model);
      Model opened = open_model(folder.file("first"));
      save_model(folder.file("again"), opened);
      EXPECT_EQ(read_text(folder.file("first/model.safetensors"), 1 << 20),
                read_text(folder.file("again/model.safetensors"), 1 << 20));
      EXPECT_EQ(json::parse(read_text(folder.file("again/config.json"), 1 << 20)).at("dtype"), name);
      auto& changed = opened.stack().weights.entries().back();
      changed.value = changed.value + 1e-6F;
      save_model(folder.file("changed"), opened);
      EXPECT_EQ(json::parse(read_text(folder.file("changed/config.json"), 1 << 20)).at("dtype"), "float32");
      expect_same_weights(open_model(folder.file("changed")), opened);
    }
  }
}

TEST(Model, AbsentKeysHaveTheDefaultsOfTheirClass) {
  const Damaged folder;
  json none = {{"model_type", "vit"}};
  folder.write("config.json", none.dump());
  folder.refuses("tensors do not fit config.json");
  EXPECT_THAT([&] { folder.open(); }, ThrowsMessage<Error>(HasSubstr("[768, 3, 16, 16]")));
}

TEST(Model, ClassesAreCountedWhereNobodyNamesThem) {
  const Damaged folder;
  folder.set("id2label", nullptr);
  EXPECT_EQ(folder.open().classes, (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4"}));
}

// A bare trunk: its names lack "vit.", it has a pooler and no classifier.
TEST(Model, OpensAViTModelWithoutAHead) {
  const Damaged folder;
  const Model whole = open_model(kHuggingFace);
  NamedTensors tensors;
  for (const auto& [name, value] : load_tensors(folder.tensors()))
    if (name.starts_with("vit.")) tensors[name.substr(4)] = value;
  tensors["pooler.dense.weight"] = at::zeros({12, 12});
  tensors["pooler.dense.bias"] = at::zeros({12});
  save_tensors(folder.tensors(), tensors);
  folder.refuses("2 missing: classifier.weight, classifier.bias");
  folder.set("architectures", json::array({"ViTModel"}));
  const Model bare = folder.open();
  EXPECT_EQ(bare.vit.classes, 0);
  EXPECT_TRUE(bare.classes.empty());
  EXPECT_FALSE(bare.stack().head);
  for (const auto& entry : bare.stack().weights.entries())
    EXPECT_TRUE(at::equal(entry.value, whole.stack().weights.at(entry.name))) << entry.name;

  const Tensor pixels = load_tensors(kHuggingFace + "/expected/golden.safetensors").at("pixels");
  Taps taps({"norm"});
  const RunOptions options{.taps = &taps};
  const at::NoGradGuard no_gradients;
  run(whole.stack(), identity(whole.depth()), image_stream(pixels), options);
  EXPECT_TRUE(at::equal(run(bare.stack(), identity(bare.depth()), image_stream(pixels)).x(), taps.values().at("norm")));

  const TemporaryFolder saved;
  save_model(saved.file("bare"), bare);
  expect_same_weights(open_model(saved.file("bare")), bare);
  EXPECT_EQ(json::parse(read_text(saved.file("bare/config.json"), 1 << 20)).at("architectures"),
            json::array({"ViTModel"}));
  // Training it for a task brings a head.
  VitConfig config = bare.vit;
  config.classes = 3;
  const Model tuned = adapted(bare, config, false, Random(1));
  EXPECT_EQ(tuned.stack().weights.at("head.weight").sizes(), at::IntArrayRef({3, 12}));
  EXPECT_TRUE(at::equal(tuned.stack().weights.at("norm.weight"), whole.stack().weights.at("norm.weight")));
}

TEST(Model, NamesTensorsThatDoNotFit) {
  const Damaged folder;
  const NamedTensors good = load_tensors(folder.tensors());
  const auto with = [&](const std::function<void(NamedTensors&)>& change) {
    NamedTensors tensors = good;
    change(tensors);
    save_tensors(folder.tensors(), tensors);
  };
  with([](auto& t) { t.erase("vit.encoder.layer.1.attention.attention.key.weight"); });
  folder.refuses("1 missing: vit.encoder.layer.1.attention.attention.key.weight");
  with([](auto& t) { t["extra"] = at::zeros({1}); });
  folder.refuses("1 unexpected: extra");
  with([](auto& t) { t["classifier.weight"] = at::zeros({12, 5}); });
  folder.refuses("classifier.weight [12, 5] instead of [5, 12]");
  with([](auto& t) { t["classifier.weight"] = at::zeros({5, 12}, at::kInt); });
  folder.refuses("found I32");
  with([](auto& t) { t["classifier.weight"] = at::zeros({5, 12}, at::kDouble); });
  folder.refuses("all tensors or none in F64");
  with([](auto& t) { t["vit.layers.0.mlp.fc1.bias"] = at::zeros({20}); });
  folder.refuses("two tensors are called 'vit.encoder.layer.0.intermediate.dense.bias'");
  with([](auto& t) { t["vit.pooler.dense.weight"] = at::zeros({12, 12}); });
  EXPECT_NO_THROW(folder.open());
}

TEST(Model, RefusesConfigsNamingTheKey) {
  const std::pair<const char*, json> wrong[] = {{"hidden_size", "12"},
                                                {"hidden_size", 12.0},
                                                {"hidden_size", -12},
                                                {"hidden_size", 0},
                                                {"hidden_size", 1ULL << 63},
                                                {"num_hidden_layers", 1e9},
                                                {"num_hidden_layers", 100000},
                                                {"num_attention_heads", true},
                                                {"image_size", {8}},
                                                {"image_size", {8, "12"}},
                                                {"image_size", {8, 0}},
                                                {"patch_size", 1 << 20},
                                                {"model_type", "bert"},
                                                {"hidden_act", "relu"},
                                                {"layer_norm_eps", "small"},
                                                {"layer_norm_eps", -1},
                                                {"qkv_bias", 1},
                                                {"id2label", json::array({"a"})},
                                                {"id2label", {{"0", "a"}, {"2", "b"}}},
                                                {"id2label", {{"0", "a"}, {"01", "b"}}},
                                                {"id2label", {{"0", 5}}},
                                                {"architectures", {"ViTForMaskedImageModeling"}}};
  for (const auto& [key, value] : wrong) {
    SCOPED_TRACE(testing::Message() << key << " = " << value);
    const Damaged folder;
    folder.set(key, value);
    folder.refuses(key, "config.json");
  }
  const Damaged folder;
  folder.set("num_attention_heads", 5);
  folder.refuses("multiple of heads", "config.json");
}

TEST(Model, RefusesDamagedFolders) {
  const TemporaryFolder empty;
  EXPECT_THAT([&] { open_model(empty.path()); }, ThrowsMessage<Error>(HasSubstr("no config.json")));
  EXPECT_THAT([&] { open_model(empty.file("none")); }, ThrowsMessage<Error>(HasSubstr("no such folder")));
  {
    const Damaged folder;
    const std::string text = read_text(folder.config(), 1 << 20);
    folder.write("config.json", text.substr(0, text.size() / 2));
    folder.refuses("malformed JSON");
    folder.write("config.json", "{\"model_type\": \"vit\", \"model_type\": \"vit\"}");
    folder.refuses("stands twice");
    folder.write("config.json", std::string(100000, '['));
    folder.refuses("levels of nesting");
    folder.write("config.json", "[]");
    folder.refuses("expected an object");
    folder.write("config.json", std::string("{}\0{}", 5));
    folder.refuses("NUL");
  }
  {
    const Damaged folder;
    const std::string bytes = read_text(folder.tensors(), 1 << 20);
    for (const size_t cut : {size_t{0}, size_t{7}, size_t{100}, bytes.size() - 1}) {
      folder.write("model.safetensors", bytes.substr(0, cut));
      folder.refuses("model.safetensors");
    }
    fs::remove(folder.tensors());
    EXPECT_THROW(folder.open(), Error);
  }
  const std::pair<const char*, const char*> notes[] = {
      {R"({"format": 2})", "newer Strata"},
      {R"({})", "format"},
      {R"({"format": "1"})", "format"},
      {R"({"format": 1, "block_ids": ["a"]})", "one for each of 2 blocks"},
      {R"({"format": 1, "slots": "up"})", "slots must be"},
      {R"({"format": 1, "slots": "position"})", "strata.blocks.0.place"},
      {R"({"format": 1, "architecture": "gpt2"})", "architecture"}};
  for (const auto& [text, because] : notes) {
    SCOPED_TRACE(text);
    const Damaged folder;
    folder.write("strata.json", text);
    folder.refuses(because);
  }
  for (const char* text : {R"({"image_mean": [0.5, 0.5, 0.5]})", R"({"image_std": [0.5, 0]})",
                           R"({"rescale_factor": 1})", R"({"do_rescale": false})"}) {
    SCOPED_TRACE(text);
    const Damaged folder;
    folder.write("preprocessor_config.json", text);
    folder.refuses("preprocessor_config.json");
  }
}

TEST(Model, SavingReplacesAModelAndNothingElse) {
  const TemporaryFolder folder;
  const Model first = make_model(small_config("none"), Random(1)), second = make_model(small_config("none"), Random(2));
  save_model(folder.file("model"), first);
  save_model(folder.file("model") + "/", second);
  expect_same_weights(open_model(folder.file("model")), second);
  std::ofstream(folder.file("model/thesis.txt")) << "years of work";
  EXPECT_THAT([&] { save_model(folder.file("model"), first); }, ThrowsMessage<Error>(HasSubstr("thesis.txt")));
  EXPECT_TRUE(fs::exists(folder.file("model/thesis.txt")));
  expect_same_weights(open_model(folder.file("model")), second);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);  // nothing temporary left
}

TEST(Model, RefusesToSaveWhatItCouldNotOpen) {
  const TemporaryFolder folder;
  Model model = make_model(small_config("none"), Random(1));
  model.classes.pop_back();
  EXPECT_THROW(save_model(folder.file("m"), model), Error);
  model = make_model(small_config("none"), Random(1));
  model.notes.block_ids.pop_back();
  EXPECT_THROW(save_model(folder.file("m"), model), Error);
  model = make_model(small_config("none"), Random(1));
  model.classes[0] = "\xff";
  EXPECT_THROW(save_model(folder.file("m"), model), Error);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(VitNames, FusedWeightsComeApartInOrder) {
  const auto parts = vit_file_tensors({"blocks.3.mixer.qkv.bias", {36}});
  ASSERT_EQ(parts.size(), 3);
  EXPECT_EQ(parts[1].name, "vit.encoder.layer.3.attention.attention.key.bias");
  EXPECT_EQ(parts[1].shape, (std::vector<int64_t>{12}));
  EXPECT_EQ(vit_file_tensors({"embed.class_token", {12}})[0].shape, (std::vector<int64_t>{1, 1, 12}));
  EXPECT_EQ(vit_file_tensors({"embed.positions", {5, 12}})[0].shape, (std::vector<int64_t>{1, 5, 12}));
  EXPECT_EQ(vit_file_tensors({"shared.slot_table", {3, 32}})[0].name, "strata.shared.slot_table");
  EXPECT_EQ(canonical_vit_name("vit.layers.7.mlp.fc2.weight"), "vit.encoder.layer.7.output.dense.weight");
  EXPECT_EQ(canonical_vit_name("layers.7.mlp.fc2.weight"), "vit.encoder.layer.7.output.dense.weight");
  EXPECT_EQ(canonical_vit_name("encoder.layer.7.output.dense.weight"), "vit.encoder.layer.7.output.dense.weight");
  EXPECT_EQ(canonical_vit_name("vit.layers.x.mlp.fc2.weight"), "vit.layers.x.mlp.fc2.weight");
}

}  // namespace
}  // namespace strata
