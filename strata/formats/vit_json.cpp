#include "strata/formats/vit_json.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/unknown_keys.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Nothing real is near these; they keep products of sizes in range.
constexpr int64_t kMostWidth = int64_t{1} << 20, kMostBlocks = 4096, kMostPixels = int64_t{1} << 16;

constexpr const char *kClassifier = "ViTForImageClassification", *kTrunk = "ViTModel";

// A whole number for both, or [height, width].
void read_pair(const JsonFields& fields, const char* key, int64_t& height, int64_t& width) {
  const json* value = fields.find(key);
  if (value && value->is_array()) {
    const auto fits = [](const json& item) {
      return item.is_number_unsigned() && item.get<uint64_t>() >= 1 && item.get<uint64_t>() <= kMostPixels;
    };
    if (value->size() != 2 || !fits((*value)[0]) || !fits((*value)[1]))
      fields.refuse(key, "a whole number or [height, width], each from 1 to " + std::to_string(kMostPixels));
    height = (*value)[0].get<int64_t>();
    width = (*value)[1].get<int64_t>();
  } else {
    height = fields.integer(key, height, 1, kMostPixels);
    width = value ? height : width;
  }
}

json pair_to_json(int64_t height, int64_t width) {
  return height == width ? json(height) : json({height, width});
}

std::vector<std::string> read_labels(const JsonFields& fields) {
  const json* labels = fields.find("id2label");
  if (!labels) return {};
  const std::string expected = "an object with a text for each of \"0\", \"1\", ... without gaps";
  if (!labels->is_object() || labels->empty()) fields.refuse("id2label", expected);
  std::vector<std::string> names(labels->size());
  for (const auto& [key, value] : labels->items()) {
    size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    // Two spellings of one number ("1", "01") would leave a gap, so only the plain one is taken.
    if (error != std::errc() || std::to_string(index) != key || index >= names.size() || !value.is_string())
      fields.refuse("id2label", expected);
    names[index] = value.get<std::string>();
  }
  return names;
}

// Keys that are read, or written whatever the file said.
const Keys& known() {
  static const Keys keys{"architectures", "model_type",        "hidden_act",          "image_size",
                         "patch_size",    "num_channels",      "hidden_size",         "num_hidden_layers",
                         "id2label",      "intermediate_size", "num_attention_heads", "layer_norm_eps",
                         "qkv_bias",      "initializer_range", "num_labels",          "label2id",
                         "dtype",         "torch_dtype"};
  return keys;
}

// Keys that say nothing about what the model computes at inference: rates of training, what a pooler or a decoder beside
// the trunk would do.
const Keys& harmless() {
  static const Keys keys{"drop_path_rate", "encoder_stride",     "keys_to_ignore_at_inference",
                         "pooler_act",     "pooler_output_size", "tie_word_embeddings",
                         "use_return_dict"};
  return keys;
}

}  // namespace

VitConfig vit_from_json(const json& json, const std::string& file, std::vector<std::string>& class_names) {
  const JsonFields fields(json, file);
  if (const std::string type = fields.text("model_type", ""); type != "vit")
    fields.refuse("model_type", "\"vit\", the only architecture this version opens");
  const auto architectures = fields.texts("architectures", {kClassifier});
  const bool bare = architectures == std::vector<std::string>{kTrunk};
  if (!bare && architectures != std::vector<std::string>{kClassifier})
    fields.refuse("architectures", "[\"ViTForImageClassification\"] or [\"ViTModel\"]");
  if (fields.text("hidden_act", "gelu") != "gelu") fields.refuse("hidden_act", "\"gelu\", the exact form");
  VitConfig config;
  config.image_height = config.image_width = 224;
  config.patch_height = config.patch_width = 16;
  read_pair(fields, "image_size", config.image_height, config.image_width);
  read_pair(fields, "patch_size", config.patch_height, config.patch_width);
  config.image_channels = fields.integer("num_channels", 3, 1, kMostPixels);
  config.channels = fields.integer("hidden_size", 768, 1, kMostWidth);
  config.depth = fields.integer("num_hidden_layers", 12, 0, kMostBlocks);
  config.heads = fields.integer("num_attention_heads", 12, 1, kMostWidth);
  config.hidden = fields.integer("intermediate_size", 3072, 1, kMostWidth);
  config.norm_eps = fields.number("layer_norm_eps", 1e-12, 0, 1);
  config.qkv_bias = fields.boolean("qkv_bias", true);
  config.init_std = fields.number("initializer_range", 0.02, 0, 1e6);
  refuse_unknown_keys(json, file, [](const std::string& key) {
    return known().contains(key) || harmless().contains(key) || harmless_keys().contains(key) || key.starts_with("_");
  });
  if (bare) {
    config.classes = 0;
    return config;
  }
  class_names = read_labels(fields);
  config.classes = class_names.empty() ? fields.integer("num_labels", kUnsaid, 1, kMostWidth) : std::ssize(class_names);
  return config;
}

ordered_json vit_to_json(const VitConfig& config, const std::vector<std::string>& class_names, const ordered_json& base,
                         const std::string& dtype) {
  // An ordered_json looks through all keys at each one it is given; its list of pairs takes them as they come.
  ordered_json::object_t labels, indices;
  std::unordered_map<std::string, size_t> last;  // of names that stand there twice
  for (size_t i = 0; i < class_names.size(); ++i) last[class_names[i]] = i;
  for (size_t i = 0; i < class_names.size(); ++i) {
    labels.emplace_back(std::to_string(i), class_names[i]);
    if (last.at(class_names[i]) == i) indices.emplace_back(class_names[i], i);
  }
  ordered_json tree{{"architectures", {config.classes > 0 ? kClassifier : kTrunk}}, {"model_type", "vit"}};
  if (base.empty()) {
    tree.update({{"attention_probs_dropout_prob", 0.0},
                 {"encoder_stride", 16},
                 {"hidden_dropout_prob", 0.0},
                 {"pooler_act", "tanh"},
                 {"pooler_output_size", config.channels}});
  }
  // What was said about the task of other classes is not true of these.
  const auto old_labels = base.find("id2label");
  const bool same_task = old_labels == base.end() || json(*old_labels) == json(labels);
  for (const auto& [key, value] : base.items()) {
    const bool of_task = key == "problem_type" || key == "finetuning_task" || key == "_num_labels";
    if (!known().contains(key) && (same_task || !of_task)) tree[key] = value;
  }
  tree["hidden_act"] = "gelu";
  tree["hidden_size"] = config.channels;
  tree["intermediate_size"] = config.hidden;
  tree["num_hidden_layers"] = config.depth;
  tree["num_attention_heads"] = config.heads;
  tree["num_channels"] = config.image_channels;
  tree["image_size"] = pair_to_json(config.image_height, config.image_width);
  tree["patch_size"] = pair_to_json(config.patch_height, config.patch_width);
  tree["layer_norm_eps"] = config.norm_eps;
  tree["qkv_bias"] = config.qkv_bias;
  tree["initializer_range"] = config.init_std;
  tree["dtype"] = dtype;
  tree["torch_dtype"] = dtype;
  if (!class_names.empty()) {
    tree["id2label"] = std::move(labels);
    tree["label2id"] = std::move(indices);
  }
  return tree;
}

}  // namespace strata
