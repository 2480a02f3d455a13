#include "strata/models/model.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/safetensors_index.h"
#include "strata/models/tensor_file.h"
#include "strata/models/vit_json.h"
#include "strata/models/vit_names.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kFormat = 1;                      // of strata.json
constexpr uint64_t kMostJson = uint64_t{16} << 20;  // bytes of each JSON file; 22,000 class names take one MB
constexpr uint64_t kShard = uint64_t{5} << 30;      // bytes of tensors in one file

std::vector<std::string> numbered(const std::string& start, int64_t count) {
  std::vector<std::string> names;
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

std::vector<Provenance> read_provenance(const JsonFields& fields) {
  std::vector<Provenance> steps;
  const json* list = fields.find("provenance");
  if (!list) return steps;
  if (!list->is_array()) fields.refuse("provenance", "a list of objects");
  for (const json& item : *list) {
    const JsonFields step(item, fields.file() + ": provenance[" + std::to_string(steps.size()) + "]");
    steps.push_back({step.text("operation", ""), step.text("detail", ""), step.texts("sources", {})});
  }
  return steps;
}

void read_notes(const std::string& path, Model& model) {
  std::error_code error;
  if (!fs::exists(path, error)) return;
  const json tree = read_json(path, kMostJson);
  const JsonFields fields(tree, path);
  const int64_t format = fields.integer("format", 0, 1, std::numeric_limits<int32_t>::max());
  if (format == 0) fields.refuse("format", "the version of this file's format");
  if (format > kFormat) fail(path, ": format ", format, " comes from a newer Strata; this one reads up to ", kFormat);
  if (fields.text("architecture", model.architecture) != model.architecture)
    fields.refuse("architecture", "\"" + model.architecture + "\", as config.json says");
  model.notes.block_ids = fields.texts("block_ids", {});
  model.notes.trained_routes = fields.texts("trained_routes", {});
  model.notes.recipe = fields.text("recipe", "");
  model.notes.strata_version = fields.text("strata_version", "");
  model.notes.steps = fields.integer("steps", 0, 0, std::numeric_limits<int64_t>::max());
  model.notes.seed = fields.natural("seed", 0);
  model.notes.provenance = read_provenance(fields);
  model.vit.slots = fields.text("slots", "none");
  model.vit.slot_count = fields.integer("slot_count", 0, 0, kMaxRouteSteps);
}

// Where the tensors of one weight lie in the file, in the order in which they follow each other in the weight.
struct Source {
  ParamInfo param;
  std::vector<const TensorView*> parts;
};

// Checks that the file holds exactly what the stack reads, in the right shapes and in types we take.
std::vector<Source> match(const CheckpointTensors& file, const Stack& stack) {
  std::map<std::string, const TensorView*> there;
  for (const TensorView* view : file.tensors())
    if (const std::string name = canonical_vit_name(view->name); !there.emplace(name, view).second)
      fail(file.path(), ": two tensors are called '", name, "' in different versions of transformers");
  std::vector<std::string> missing, misshaped;
  std::vector<Source> sources;
  for (auto& param : params_of(stack)) {
    Source source{std::move(param), {}};
    for (const auto& wanted : vit_file_tensors(source.param)) {
      const auto found = there.find(wanted.name);
      if (found == there.end()) {
        missing.push_back(wanted.name);
        continue;
      }
      const TensorView& view = *found->second;
      if (view.shape != wanted.shape)
        misshaped.push_back(detail::concatenate(view.name, " ", at::IntArrayRef(view.shape), " instead of ",
                                                at::IntArrayRef(wanted.shape)));
      source.parts.push_back(&view);
      there.erase(found);
    }
    sources.push_back(std::move(source));
  }
  std::vector<std::string> unexpected;
  for (const auto& [name, view] : there)
    if (!unused_vit_tensor(name)) unexpected.push_back(view->name);
  if (!missing.empty() || !misshaped.empty() || !unexpected.empty()) {
    std::string problems;
    const auto add = [&problems](const char* what, const std::vector<std::string>& names) {
      constexpr size_t kShown = 5;
      if (!names.empty())
        problems += (problems.empty() ? "" : "; ") + std::to_string(names.size()) + what + join_names(names, kShown);
    };
    add(" missing: ", missing);
    add(" of another shape: ", misshaped);
    add(" unexpected: ", unexpected);
    fail(file.path(), ": tensors do not fit config.json: ", problems);
  }
  for (const auto& source : sources)
    for (const TensorView* view : source.parts) {
      const DType type = view->dtype;
      if (type != DType::F32 && type != DType::F64 && type != DType::F16 && type != DType::BF16)
        fail(file.path(), ": tensor '", view->name, "': expected type F32, F64, F16 or BF16, found ", dtype_name(type));
      if ((type == DType::F64) != (sources.front().parts.front()->dtype == DType::F64))
        fail(file.path(), ": expected all tensors or none in F64, found '", view->name, "' in ", dtype_name(type));
    }
  return sources;
}

Tensor read_weight(const Source& source) {
  std::vector<Tensor> parts;
  for (const TensorView* view : source.parts) {
    Tensor part = to_tensor(*view);
    parts.push_back((view->dtype == DType::F64 ? part : part.to(at::kFloat)).flatten());
  }
  const Tensor whole = parts.size() == 1 ? parts.front() : at::cat(parts);
  return whole.view(source.param.shape);
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

ordered_json notes_to_json(const Model& model) {
  const ModelNotes& notes = model.notes;
  ordered_json provenance = ordered_json::array();
  for (const auto& step : notes.provenance)
    provenance.push_back({{"operation", step.operation}, {"detail", step.detail}, {"sources", step.sources}});
  return {{"format", kFormat},
          {"architecture", model.architecture},
          {"slots", model.vit.slots},
          {"slot_count", model.vit.slot_count},
          {"block_ids", notes.block_ids},
          {"trained_routes", notes.trained_routes},
          {"recipe", notes.recipe},
          {"strata_version", notes.strata_version},
          {"steps", notes.steps},
          {"seed", notes.seed},
          {"provenance", provenance}};
}

void check_model(const Model& model) {
  if (model.architecture != "vit" || model.stacks.size() != 1)
    fail("model: expected architecture vit with one stack, got '", model.architecture, "' with ", model.stacks.size());
  const auto check_count = [](const char* what, size_t found, int64_t expected) {
    if (static_cast<int64_t>(found) != expected) fail("model: expected ", expected, " ", what, ", got ", found);
  };
  check_count("class names", model.classes.size(), model.vit.classes);
  check_count("block ids", model.notes.block_ids.size(), model.vit.depth);
}

// Whoever names a folder of another kind as the place for a model must not lose it.
void check_replaceable(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name == "config.json" || name == "preprocessor_config.json" || name == "strata.json" ||
                      name == "model.safetensors.index.json" ||
                      (name.starts_with("model") && name.ends_with(".safetensors"));
    if (!ours)
      fail(folder, ": would be replaced by a model, but holds '", name,
           "', which is no part of one; choose another folder");
  }
}

void write_weights(const std::string& folder, const Stack& stack) {
  std::vector<Tensor> kept;  // own what the views look at
  std::vector<TensorView> views;
  for (const auto& param : params_of(stack)) {
    const Tensor& value = stack.weights.at(param.name);
    if (value.sizes() != at::IntArrayRef(param.shape))
      fail("model: weight '", param.name, "' should be ", at::IntArrayRef(param.shape), ", got ", value.sizes());
    const auto targets = vit_file_tensors(param);
    kept.push_back(value.detach().cpu().contiguous());
    const auto parts = kept.back().flatten().tensor_split(static_cast<int64_t>(targets.size()));
    for (size_t i = 0; i < targets.size(); ++i) {
      views.push_back(to_view(targets[i].name, parts[i]));
      views.back().shape = targets[i].shape;
    }
  }
  write_checkpoint_tensors(folder, views, kShard);
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

Model open_model_header(const std::string& folder) {
  std::error_code error;
  recover_folder(folder);
  if (!fs::is_directory(folder, error))
    fail(folder, ": no such folder; expected a model with config.json and model.safetensors");
  const std::string config_path = folder + "/config.json";
  if (!fs::exists(config_path, error))
    fail(folder, ": expected a model with config.json and model.safetensors, found no config.json");
  Model model;
  model.vit = vit_from_json(read_json(config_path, kMostJson), config_path, model.classes);
  read_notes(folder + "/strata.json", model);
  read_preprocessor(folder + "/preprocessor_config.json", model);
  if (model.vit.classes == 0) {
    const CheckpointTensors file = open_checkpoint_tensors(folder);
    const TensorView* rows = file.find("classifier.bias");
    if (!rows || rows->shape.size() != 1)
      fail(config_path,
           ": id2label: expected the names of the classes, found nothing, and no classifier.bias to count them");
    model.vit.classes = rows->shape[0];
  }
  if (model.classes.empty()) model.classes = numbered("LABEL_", model.vit.classes);
  if (model.notes.block_ids.empty()) model.notes.block_ids = numbered("", model.vit.depth);
  if (std::ssize(model.notes.block_ids) != model.vit.depth)
    fail(folder, "/strata.json: block_ids: expected one for each of ", model.vit.depth, " blocks, found ",
         model.notes.block_ids.size());
  return model;
}

Model open_model(const std::string& folder) {
  Model model = open_model_header(folder);
  const CheckpointTensors file = open_checkpoint_tensors(folder);
  Stack stack;
  try {
    stack = wire_vit(model.vit);
  } catch (const Error& problem) {
    fail(folder, "/config.json: ", problem.what());
  }
  for (const auto& source : match(file, stack))
    stack.weights.insert({source.param.name, read_weight(source), source.param.decay, source.param.trained});
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
    write_weights(temporary, model.stack());
    const Tensor& any = model.stack().weights.entries().front().value;
    write_json(temporary + "/config.json", vit_to_json(model.vit, model.classes, dtype_text(any.scalar_type())));
    write_json(temporary + "/preprocessor_config.json",
               preprocessor_to_json({model.fit, model.pixel_mean, model.pixel_std}, model.vit.image_channels));
    write_json(temporary + "/strata.json", notes_to_json(model));
    publish_folder(temporary, target);
  } catch (...) {
    fs::remove_all(temporary, error);
    throw;
  }
}

}  // namespace strata
