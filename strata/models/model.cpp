#include "strata/models/model.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/formats/hub_cache.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/language_json.h"
#include "strata/formats/model_folder.h"
#include "strata/formats/safetensors_index.h"
#include "strata/formats/vit_json.h"
#include "strata/models/gguf_model.h"
#include "strata/models/language_names.h"
#include "strata/models/notes.h"
#include "strata/models/tensor_file.h"
#include "strata/models/vit_names.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr uint64_t kMostJson = uint64_t{16} << 20;  // bytes of each JSON file; 22,000 class names take one MB

std::vector<std::string> numbered(const std::string& start, int64_t count) {
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) names.push_back(start + std::to_string(i));
  return names;
}

// ---- reading -------------------------------------------------------------------------------------------------------

void read_preprocessor(const std::string& path, Model& model) {
  const VitConfig& vit = model.vit;
  std::error_code error;
  model.fit = exact_fit(vit.image_height, vit.image_width);
  if (!fs::exists(path, error)) return;
  Preprocessor read =
      preprocessor_from_json(read_json(path, kMostJson), path, vit.image_channels, vit.image_height, vit.image_width);
  model.fit = read.fit;
  model.pixel_mean = std::move(read.mean);
  model.pixel_std = std::move(read.std);
}

void read_notes(const std::string& path, Model& model) {
  std::error_code error;
  if (fs::exists(path, error)) take_notes(model, read_json(path, kMostJson), path);
}

constexpr const char* kConfigAsOpened = "config.json";

// A file may hold one table for embedding and head where config.json says they are tied, or both.
void settle_tie(Model& model, const CheckpointTensors& file, CheckpointNames& names) {
  LanguageConfig& config = model.language;
  if (!config.tied) return;
  const auto there = canonical_tensors(file, names);
  const auto [embedding, head] = table_names(config);
  const auto at = [&there](const std::string& name) {
    const auto found = there.find(name);
    return found == there.end() ? nullptr : found->second;
  };
  const TensorView *first = at(embedding), *second = at(head);
  if (!second) return;
  if (first && (first->dtype != second->dtype || first->shape != second->shape ||
                !std::equal(first->bytes.begin(), first->bytes.end(), second->bytes.begin(), second->bytes.end()))) {
    config.tied = false;  // as transformers 5 does: both are used
    return;
  }
  // One table: under the embedding's name, whichever of the two the file has.
  const auto before = names.canonical;
  if (first) {
    const auto unused = names.unused;
    names.unused = [head, unused](std::string_view name) { return name == head || unused(name); };
  } else {
    names.canonical = [before, embedding, head](std::string_view name) {
      std::string canonical = before(name);
      return canonical == head ? embedding : canonical;
    };
  }
}

// ---- writing -------------------------------------------------------------------------------------------------------

std::string dtype_text(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kHalf:
      return "float16";
    case at::kBFloat16:
      return "bfloat16";
    default:
      fail("model: weights of type ", c10::toString(type), " cannot be saved; expected a floating-point type");
  }
}

void write_json(const std::string& path, const ordered_json& value) {
  try {
    write_file_atomic(path, value.dump(2) + "\n");
  } catch (const json::exception& error) {
    fail(path, ": cannot be written as JSON: ", error.what());  // a name that is not UTF-8
  }
}

void check_model(const Model& model) {
  if (model.stacks.size() != 1)
    fail("model: expected one stack, got '", model.architecture, "' with ", model.stacks.size());
  const auto check_count = [](const char* what, size_t found, int64_t expected) {
    if (static_cast<int64_t>(found) != expected) fail("model: expected ", expected, " ", what, ", got ", found);
  };
  if (!model.is_language()) check_count("class names", model.classes.size(), model.vit.classes);
  check_count("block ids", model.notes.block_ids.size(), model.depth());
}

ordered_json config_as_opened(const Model& model) {
  const auto found = model.companions.find(kConfigAsOpened);
  return found == model.companions.end() ? ordered_json::object() : parse_ordered_json(found->second, kConfigAsOpened);
}

// Weights that came from a file of 16 bits and are all as they were go back into as many.
at::ScalarType type_to_write(const Model& model) {
  const at::ScalarType type = model.stack().weights.entries().front().value.scalar_type();
  const bool halves = model.stored == at::kHalf || model.stored == at::kBFloat16;
  return type == at::kFloat && halves && all_fit(model.stack(), model.stored) ? model.stored : type;
}

void write_language_files(const std::string& folder, const Model& model, const std::string& dtype) {
  std::map<std::string, std::string> companions = model.companions;
  companions.erase(kConfigAsOpened);
  write_companions(folder, companions);
  write_json(folder + "/config.json", language_to_json(model.language, config_as_opened(model), dtype));
}

// config.json need not name the classes; the rows of the classifier then say how many there are.
void count_classes(const std::string& folder, Model& model) {
  if (model.vit.classes == kUnsaid) {
    const CheckpointTensors file = open_checkpoint_tensors(folder);
    const TensorView* rows = file.find("classifier.bias");
    if (!rows || rows->shape.size() != 1)
      fail(folder,
           "/config.json: id2label: expected the names of the classes, found nothing, and no classifier.bias to count "
           "them");
    model.vit.classes = rows->shape[0];
  }
  if (model.classes.empty()) model.classes = numbered("LABEL_", model.vit.classes);
}

}  // namespace

Model make_model(const VitConfig& config, Random random) {
  Model model;
  model.vit = config;
  model.fit = exact_fit(config.image_height, config.image_width);
  model.stacks.push_back(make_vit(config, random));
  model.classes = numbered("LABEL_", config.classes);
  model.notes.block_ids = numbered("", config.depth);
  return model;
}

Model make_model(const LanguageConfig& config, Random random) {
  (void)language_to_json(config, ordered_json::object(), "float32");  // what no file can hold is no model to train
  Model model;
  model.architecture = config.family;
  model.language = config;
  model.stacks.push_back(make_language(config, random));
  model.notes.block_ids = numbered("", config.depth);
  return model;
}

Stack wire_model(const Model& model) {
  return model.is_language() ? wire_language(model.language) : wire_vit(model.vit);
}

CheckpointNames names_of(const Model& model) {
  return model.is_language() ? language_names(model.language) : vit_names();
}

std::string model_folder(const std::string& name) {
  std::error_code error;
  recover_folder(name);
  if (fs::is_directory(name, error)) return name;
  if (const auto cached = find_in_hub_cache(name)) return *cached;
  fail(name, ": no such folder, and no model of that name in ", hub_cache(),
       "; expected a model with config.json and model.safetensors");
}

Model open_model_header(const std::string& name) {
  if (is_gguf_path(name)) return open_gguf_model_header(name);
  const std::string folder = model_folder(name);
  std::error_code error;
  const std::string config_path = folder + "/config.json";
  if (!fs::exists(config_path, error))
    fail(folder, ": expected a model with config.json and model.safetensors, found no config.json");
  Model model;
  const json config = read_json(config_path, kMostJson);
  const std::string type = JsonFields(config, config_path).text("model_type", "");
  if (is_language_family(type)) {
    model.architecture = type;
    model.language = language_from_json(config, config_path);
    model.companions = read_companions(folder);
    model.companions[kConfigAsOpened] = read_text(config_path, kMostJson);
    read_notes(folder + "/strata.json", model);
  } else {
    model.vit = vit_from_json(config, config_path, model.classes);
    model.companions[kConfigAsOpened] = read_text(config_path, kMostJson);
    read_notes(folder + "/strata.json", model);
    read_preprocessor(folder + "/preprocessor_config.json", model);
    count_classes(folder, model);
  }
  if (model.notes.block_ids.empty()) model.notes.block_ids = numbered("", model.depth());
  return model;
}

Model open_model(const std::string& name) {
  if (is_gguf_path(name)) return open_gguf_model(name);
  const std::string folder = model_folder(name);
  Model model = open_model_header(folder);
  const auto file = open_mapped_checkpoint(folder);
  CheckpointNames names = names_of(model);
  if (model.is_language()) settle_tie(model, *file, names);
  Stack stack;
  try {
    stack = wire_model(model);
  } catch (const Error& problem) {
    fail(folder, "/config.json: ", problem.what());
  }
  model.stored = attach_weights(stack, file, names);
  model.stacks.push_back(std::move(stack));
  return model;
}

void save_model(const std::string& folder, const Model& model) {
  check_model(model);
  const std::string target = fs::path(folder).has_filename() ? folder : fs::path(folder).parent_path().string();
  check_replaceable(target);
  const std::string temporary = target + ".new." + std::to_string(::getpid());
  std::error_code error;
  fs::remove_all(temporary, error);
  if (!fs::create_directories(temporary, error)) fail(temporary, ": cannot make this folder: ", error.message());
  try {
    const at::ScalarType type = type_to_write(model);
    write_weights(temporary, model.stack(), names_of(model), type);
    const std::string dtype = dtype_text(type);
    if (model.is_language()) {
      write_language_files(temporary, model, dtype);
    } else {
      write_json(temporary + "/config.json", vit_to_json(model.vit, model.classes, config_as_opened(model), dtype));
      write_json(temporary + "/preprocessor_config.json",
                 preprocessor_to_json({model.fit, model.pixel_mean, model.pixel_std}, model.vit.image_channels));
    }
    write_json(temporary + "/strata.json",
               notes_to_json({model.architecture, model.slots(), model.slot_count(), model.notes}));
    publish_folder(temporary, target);
  } catch (...) {
    fs::remove_all(temporary, error);
    throw;
  }
}

}  // namespace strata
