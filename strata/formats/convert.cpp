#include "strata/formats/convert.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/formats/hub_cache.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/language_json.h"
#include "strata/formats/model_folder.h"
#include "strata/formats/model_notes.h"
#include "strata/formats/opt_names.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr uint64_t kMostJson = uint64_t{256} << 20;
constexpr uint64_t kShard = uint64_t{5} << 30;
constexpr std::string_view kRopeDivisors = "rope_freqs.weight";
constexpr const char* kGeneration = "generation_config.json";
constexpr const char* kNotes = "strata.json";
constexpr const char* kKeptNotes = "strata.notes";
constexpr const char* kKeptGeneration = "strata.generation_config";  // GGUF has no entries for what it says

std::string stem_of(const std::string& path) {
  const fs::path plain(path);
  return (plain.has_filename() ? plain : plain.parent_path()).stem().string();
}

int64_t rows_of(const std::vector<int64_t>& shape) {
  return shape.empty() ? 1 : shape[0];
}
int64_t numbers_of(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}
int64_t columns_of(const std::vector<int64_t>& shape) {
  const int64_t rows = rows_of(shape);
  return rows == 0 ? 0 : numbers_of(shape) / rows;
}

// The shape on the other side: only transposing changes it.
std::vector<int64_t> other_shape(const GgufTwin& twin, std::vector<int64_t> shape) {
  if (twin.form == GgufForm::transposed) std::reverse(shape.begin(), shape.end());
  return shape;
}

BlockType stored_type(const TensorView& view, const std::string& path) {
  switch (view.dtype) {
    case DType::F32:
      return BlockType::F32;
    case DType::F16:
      return BlockType::F16;
    case DType::BF16:
      return BlockType::BF16;
    case DType::F64:
      return BlockType::F64;
    default:
      fail(path, ": tensor ", in_quotes(view.name), ": expected type F32, F16, BF16 or F64, found ",
           dtype_name(view.dtype));
  }
}

void refuse_misfits(const std::string& path, const std::vector<std::string>& missing,
                    const std::vector<std::string>& unexpected) {
  constexpr size_t shown = 5;
  std::string problems;
  if (!missing.empty()) problems = std::to_string(missing.size()) + " missing: " + join_names(missing, shown);
  if (!unexpected.empty())
    problems += (problems.empty() ? "" : "; ") + std::to_string(unexpected.size()) +
                " unexpected: " + join_names(unexpected, shown);
  if (!problems.empty()) fail(path, ": tensors do not fit the model's configuration: ", problems);
}

// ---- reading ---------------------------------------------------------------------------------------------------------

// Where config.json says that head and table of tokens are one, the file may hold either, or both. Two that differ are
// both used, as transformers 5 does.
void settle_tie(std::map<std::string, const TensorView*>& there, const std::vector<GgufTwin>& twins,
                const CheckpointTensors& file, ordered_json& config) {
  std::string table, head;
  for (const GgufTwin& twin : twins) {
    if (twin.gguf == "token_embd.weight") table = twin.file;
    if (twin.gguf == "output.weight") head = twin.file;
  }
  const auto second = there.find(head);
  if (second == there.end()) return;
  const auto [first, only] = there.emplace(table, second->second);
  const TensorView &a = *first->second, &b = *second->second;
  if (only || (a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes))) {
    there.erase(second);
  } else {
    config["tie_word_embeddings"] = false;
  }
  for (const TensorView* read : {&a, &b}) file.drop_pages(*read);
}

// What was trained with blocks of ours (LayerShuffle's slots) has weights that no other file has a place for.
void take_notes(SourceModel& model, const LanguageConfig& language, const std::string& text, const std::string& file) {
  const NotesFile notes = notes_from_json(parse_json(text, file), language.family, language.depth, file);
  if (notes.slots != "none")
    fail(file, ": slots: expected \"none\", as conversion knows the weights of plain models only, found ",
         in_quotes(notes.slots));
  model.companions[kNotes] = text;
}

SourceModel open_folder(const std::string& folder) {
  const std::string config_path = folder + "/config.json";
  std::error_code error;
  if (!fs::exists(config_path, error)) fail(folder, ": expected a checkpoint with config.json, found none");
  SourceModel model;
  const std::string config_text = read_text(config_path, kMostJson);
  const json config = parse_json(config_text, config_path);
  model.config = parse_ordered_json(config_text, config_path);
  const LanguageConfig language = language_from_json(config, config_path);  // refuses what opening the folder would
  model.companions = read_companions(folder);
  if (const std::string path = folder + "/" + kNotes; fs::exists(path, error))
    take_notes(model, language, read_text(path, kMostJson), path);
  const bool opt = language.family == "opt";
  const std::vector<GgufTwin> twins = opt ? opt_tensors(language) : gguf_twins(gguf_model_of(config, config_path));
  const auto file = std::make_shared<const CheckpointTensors>(open_checkpoint_tensors(folder));
  model.warnings = file->warnings();
  std::map<std::string, const TensorView*> there;
  for (const TensorView* view : file->tensors()) {
    const auto name = opt ? canonical_opt_name(view->name) : canonical_name(language.family, view->name);
    if (name && !there.emplace(*name, view).second)
      fail(folder, ": two tensors are called ", in_quotes(*name), " in different versions of transformers");
  }
  if (language.tied) settle_tie(there, twins, *file, model.config);
  std::vector<std::string> missing, unexpected;
  for (const GgufTwin& twin : twins) {
    const auto found = there.find(twin.file);
    if (found == there.end()) {
      if (twin.required) missing.push_back(twin.file);
      continue;
    }
    const TensorView& view = *found->second;
    const BlockType type = stored_type(view, folder);
    model.tensors.push_back({twin.file, view.shape, type,
                             [file, &view, type] {
                               std::vector<float> values(numbers_of(view.shape));
                               dequantise(type, view.bytes.data(), values.data(), std::ssize(values));
                               return values;
                             },
                             [file, &view] { file->drop_pages(view); }});
    there.erase(found);
  }
  for (const auto& [name, view] : there) unexpected.push_back(view->name);
  refuse_misfits(folder, missing, unexpected);
  model.vocabulary = [folder](int64_t rows) { return vocabulary_to_gguf(folder, rows); };
  return model;
}

SourceModel open_gguf(const std::string& path) {
  const auto files = std::make_shared<const GgufFiles>(path);
  SourceModel model;
  model.config = config_from_gguf(*files);
  const LanguageConfig language = language_from_json(json(model.config), path);
  const GgufModel kind = gguf_model_of(json(model.config), path);
  std::vector<std::string> missing, unexpected;
  size_t used = 0;
  for (const GgufTwin& twin : gguf_twins(kind)) {
    const GgufTensor* tensor = files->find(twin.gguf);
    if (tensor == nullptr) {
      if (twin.required) missing.push_back(twin.gguf);
      continue;
    }
    ++used;
    model.tensors.push_back({twin.file, other_shape(twin, tensor->shape), tensor->type,
                             [files, tensor, twin] {
                               std::vector<float> values(tensor->count());
                               dequantise(tensor->type, tensor->bytes.data(), values.data(), std::ssize(values));
                               return from_gguf_form(twin, std::move(values), rows_of(tensor->shape),
                                                     columns_of(tensor->shape));
                             },
                             [files, tensor] { files->drop_pages(*tensor); }});
  }
  if (used + (files->find(kRopeDivisors) != nullptr ? 1 : 0) != files->tensors().size()) {
    const auto twins = gguf_twins(kind);
    for (const GgufTensor* tensor : files->tensors())
      if (tensor->name != kRopeDivisors &&
          std::none_of(twins.begin(), twins.end(), [&](const GgufTwin& twin) { return twin.gguf == tensor->name; }))
        unexpected.push_back(tensor->name);
  }
  refuse_misfits(path, missing, unexpected);
  model.vocabulary = [files](int64_t) {
    GgufVocabulary kept;
    for (const auto& entry : files->first().metadata())
      if (entry.first.starts_with("tokenizer.")) kept.metadata.push_back(entry);
    return kept;
  };
  model.companions = vocabulary_from_gguf(files->first(), model.warnings);
  if (const auto kept = files->first().text(kKeptGeneration)) model.companions[kGeneration] = *kept;
  // Whoever changed the file's other entries may have made the notes untrue; the model opens all the same.
  if (const auto kept = files->first().text(kKeptNotes)) try {
      take_notes(model, language, *kept, path + ": " + kKeptNotes);
    } catch (const Error& problem) {
      model.warnings.push_back(std::string(problem.what()) + "; the notes are left out");
    }
  return model;
}

// ---- writing ---------------------------------------------------------------------------------------------------------

// The one type of all matrices, or F32 where they differ or are blocks.
BlockType common_type(const SourceModel& model) {
  std::optional<BlockType> type;
  for (const SourceTensor& tensor : model.tensors) {
    if (tensor.shape.size() < 2) continue;
    if (type && *type != tensor.type) return BlockType::F32;
    type = tensor.type;
  }
  return type == BlockType::F16 || type == BlockType::BF16 ? *type : BlockType::F32;
}

// Hands out numbers as they are stored, a piece at a time.
void pack(BlockType type, std::span<const float> values, const std::string& name, const ByteSink& sink) {
  constexpr size_t piece = size_t{1} << 20;  // whole blocks of every type
  std::vector<std::byte> bytes;
  for (size_t at = 0; at < values.size(); at += piece) {
    const auto count = static_cast<int64_t>(std::min(piece, values.size() - at));
    bytes.resize(block_bytes(type, count));
    try {
      quantise(type, values.data() + at, bytes.data(), count);
    } catch (const Error& problem) {
      fail("tensor ", in_quotes(name), ": ", problem.what());
    }
    sink(bytes);
  }
}

void write_json_file(const std::string& path, const ordered_json& value) {
  write_file_atomic(path, value.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

ConvertReport write_folder(const SourceModel& model, const std::string& out, std::optional<BlockType> asked) {
  const BlockType type = asked.value_or(common_type(model));
  const std::string target = fs::path(out).has_filename() ? out : fs::path(out).parent_path().string();
  check_replaceable(target);
  std::error_code error;
  const std::string temporary = target + ".new." + std::to_string(::getpid());
  fs::remove_all(temporary, error);
  if (!fs::create_directories(temporary, error)) fail(temporary, ": cannot make this folder: ", error.message());
  ConvertReport report{.to = "hf", .tensors = model.tensors.size(), .bytes = 0, .warnings = model.warnings};
  try {
    const DType dtype = type == BlockType::F16 ? DType::F16 : type == BlockType::BF16 ? DType::BF16 : DType::F32;
    std::vector<TensorView> views;
    views.reserve(model.tensors.size());
    for (const SourceTensor& tensor : model.tensors) {
      views.push_back({tensor.name, dtype, tensor.shape, {}});
      report.bytes += block_bytes(type, numbers_of(tensor.shape));
    }
    const auto content = [&](size_t index, const ByteSink& sink) {
      const SourceTensor& tensor = model.tensors[index];
      pack(type, tensor.values(), tensor.name, sink);
      tensor.drop();
    };
    write_checkpoint_tensors(temporary, views, content, kShard);
    ordered_json config = model.config;
    config["dtype"] = type == BlockType::F16 ? "float16" : type == BlockType::BF16 ? "bfloat16" : "float32";
    config["torch_dtype"] = config["dtype"];
    write_json_file(temporary + "/config.json", config);
    write_companions(temporary, model.companions);
    publish_folder(temporary, target);
  } catch (...) {
    fs::remove_all(temporary, error);
    throw;
  }
  return report;
}

// Vectors and the tables that models read by single numbers stay whole; rows that are no whole blocks become F16.
BlockType type_in_gguf(const SourceTensor& tensor, const GgufTwin& twin, const std::vector<int64_t>& shape,
                       std::optional<BlockType> asked) {
  if (shape.size() < 2 || twin.gguf == "position_embd.weight") return BlockType::F32;
  BlockType type = asked.value_or(tensor.type);
  if (!block_type_info(type).write) type = BlockType::F32;
  return shape.back() % block_type_info(type).values == 0 ? type : BlockType::F16;
}

// general.file_type: what most of the file is, by llama.cpp's numbers.
uint32_t file_type(BlockType type) {
  switch (type) {
    case BlockType::F16:
      return 1;
    case BlockType::Q4_0:
      return 2;
    case BlockType::Q8_0:
      return 7;
    case BlockType::BF16:
      return 32;
    default:
      return 0;
  }
}

ConvertReport write_model_gguf(const SourceModel& model, const std::string& name, const std::string& place,
                               const std::string& out, std::optional<BlockType> asked) {
  GgufConfig config = config_to_gguf(json(model.config), place + ": config.json");
  std::map<std::string, const SourceTensor*> there;
  for (const SourceTensor& tensor : model.tensors) there.emplace(tensor.name, &tensor);
  ConvertReport report{.to = "gguf", .tensors = 0, .bytes = 0, .warnings = model.warnings};
  std::vector<GgufTensor> tensors;
  std::vector<std::pair<const SourceTensor*, GgufTwin>> origins;  // of each: none of the last, the divisors
  std::map<BlockType, uint64_t> bytes_of_type;
  const auto add = [&](const std::string& name, BlockType type, std::vector<int64_t> shape) {
    const uint64_t bytes = block_bytes(type, numbers_of(shape));
    tensors.push_back({name, type, std::move(shape), {}});
    bytes_of_type[type] += bytes;
    report.bytes += bytes;
  };
  int64_t rows = 0;
  for (const GgufTwin& twin : gguf_twins(config.model)) {
    const auto found = there.find(twin.file);
    if (found == there.end() || (twin.gguf == "output.weight" && config.model.tied)) continue;
    const SourceTensor& tensor = *found->second;
    const std::vector<int64_t> shape = other_shape(twin, tensor.shape);
    if (twin.gguf == "token_embd.weight") rows = rows_of(shape);
    add(twin.gguf, type_in_gguf(tensor, twin, shape, asked), shape);
    origins.emplace_back(&tensor, twin);
  }
  if (!config.rope_divisors.empty())
    add(std::string(kRopeDivisors), BlockType::F32, {std::ssize(config.rope_divisors)});
  const auto content = [&](size_t index, const ByteSink& sink) {
    if (index == origins.size()) return pack(BlockType::F32, config.rope_divisors, tensors[index].name, sink);
    const auto& [tensor, twin] = origins[index];
    const auto values = to_gguf_form(twin, tensor->values(), rows_of(tensor->shape), columns_of(tensor->shape));
    pack(tensors[index].type, values, tensor->name, sink);
    tensor->drop();
  };
  const auto most = std::max_element(bytes_of_type.begin(), bytes_of_type.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  GgufMetadata metadata = std::move(config.metadata);
  metadata.emplace_back("general.name", stem_of(name.substr(0, place == name ? name.npos : name.find('@'))));
  metadata.emplace_back("general.file_type", file_type(most == bytes_of_type.end() ? BlockType::F32 : most->first));
  metadata.emplace_back("general.quantization_version", uint32_t{2});
  GgufVocabulary vocabulary = model.vocabulary(rows);
  std::move(vocabulary.metadata.begin(), vocabulary.metadata.end(), std::back_inserter(metadata));
  std::move(vocabulary.warnings.begin(), vocabulary.warnings.end(), std::back_inserter(report.warnings));
  for (const auto& [file, entry] : {std::pair{kGeneration, kKeptGeneration}, std::pair{kNotes, kKeptNotes}})
    if (const auto found = model.companions.find(file); found != model.companions.end())
      metadata.emplace_back(entry, found->second);
  report.tensors = tensors.size();
  write_gguf(out, metadata, tensors, content);
  return report;
}

std::optional<BlockType> asked_type(const std::string& dtype, bool gguf) {
  if (dtype.empty()) return std::nullopt;
  const auto type = parse_block_type(dtype);
  if (!type || !block_type_info(*type).write)
    fail_usage("convert: expected --dtype f32, f16, bf16, q8_0 or q4_0, got ", dtype);
  if (!gguf && block_type_info(*type).values > 1)
    fail_usage("convert: safetensors files hold no blocks of ", dtype,
               "; expected --dtype f32, f16 or bf16, or --to gguf");
  return type;
}

}  // namespace

SourceModel open_source(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) fail(path, ": there is no such file or folder");
  return fs::is_directory(path, error) ? open_folder(path) : open_gguf(path);
}

ConvertReport convert_checkpoint(const std::string& in, const std::string& out, const ConvertOptions& options) {
  const std::string to = !options.to.empty() ? options.to : out.ends_with(".gguf") ? "gguf" : "hf";
  if (to != "gguf" && to != "hf") fail_usage("convert: expected --to gguf or hf, got ", to);
  const auto type = asked_type(options.dtype, to == "gguf");
  const std::string place = find_path(in);
  std::error_code error;
  if (fs::exists(out, error) && fs::equivalent(place, out, error))
    fail_usage("convert: expected another place for the result than ", in);
  const SourceModel model = open_source(place);
  return to == "gguf" ? write_model_gguf(model, in, place, out, type) : write_folder(model, out, type);
}

}  // namespace strata
