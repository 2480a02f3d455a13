#include "strata/formats/safetensors_index.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <utility>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/formats/json_events.h"

namespace fs = std::filesystem;

namespace strata {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr uint64_t kMaxIndexBytes = 100'000'000;

bool plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of("/\\") == std::string::npos &&
         name.find('\0') == std::string::npos;
}

class IndexReader : public JsonEvents {
 public:
  explicit IndexReader(const std::string& path) : path_(path) {}

  ShardMap shards;
  bool seen_map = false;

  bool start_object(size_t) {
    if (++depth_ > kMaxDepth) refuse("more");
    if (depth_ == 2 && in_map_) reading_map_ = true;
    if (depth_ == 3 && in_map_) refuse("an object");
    return true;
  }
  bool end_object() { return leave(); }
  bool start_array(size_t) {
    if (depth_ == 0 || in_map_) refuse("a list");
    if (++depth_ > kMaxDepth) refuse("more");
    return true;
  }
  bool end_array() { return leave(); }
  bool key(const std::string& text) {
    if (depth_ == 1) {
      in_map_ = text == "weight_map";
      if (in_map_ && std::exchange(seen_map, true)) fail(path_, ": expected weight_map once, found a second one");
    }
    if (reading_map_) tensor_ = text;
    return true;
  }
  bool string(const std::string& text) {
    if (!reading_map_) return scalar("a text");
    if (!plain_file_name(text))
      fail(context(), ": expected the name of a file beside the index, found ", in_quotes(text));
    if (!shards.emplace(tensor_, text).second) fail(context(), ": expected each tensor once, found it a second time");
    return true;
  }
  bool null() { return scalar("null"); }
  bool boolean(bool) { return scalar("a boolean"); }
  bool number_integer(int64_t) { return scalar("a number"); }
  bool number_unsigned(uint64_t) { return scalar("a number"); }
  bool number_float(double, const std::string&) { return scalar("a number"); }

  std::string context() const override { return reading_map_ ? path_ + ": tensor " + in_quotes(tensor_) : path_; }
  std::string expected() const override {
    if (depth_ > kMaxDepth) return "at most " + std::to_string(kMaxDepth) + " levels of nesting";
    return reading_map_ ? "the name of a shard" : "an object with a weight_map";
  }

 private:
  static constexpr int kMaxDepth = 128;

  bool leave() {
    --depth_;
    if (depth_ < 2) reading_map_ = false;
    return true;
  }
  bool scalar(const char* found) {
    if (depth_ == 0 || in_map_) refuse(found);
    return true;
  }

  const std::string& path_;
  int depth_ = 0;
  bool in_map_ = false;       // the current key of the outer object is weight_map
  bool reading_map_ = false;  // inside its value
  std::string tensor_;
};

std::string beside(const std::string& folder, const std::string& name) {
  return folder + "/" + name;
}

std::string shard_name(size_t index, size_t count) {
  char name[64];
  (void)std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

CheckpointTensors open_shards(const std::string& folder, const std::string& index, const SafetensorsOptions& options) {
  const ShardMap shards = parse_safetensors_index(read_text(index, kMaxIndexBytes), index);
  if (shards.empty()) fail(index, ": expected a weight_map with at least one tensor");
  std::set<std::string> names;
  for (const auto& [tensor, shard] : shards) names.insert(shard);
  std::vector<Safetensors> files;
  files.reserve(names.size());
  for (const std::string& name : names) files.emplace_back(beside(folder, name), options);
  return {std::move(files), shards, folder};
}

}  // namespace

ShardMap parse_safetensors_index(std::string_view text, const std::string& path) {
  IndexReader reader(path);
  parse_json_events(text, reader);
  if (!reader.seen_map) fail(path, ": expected an object with a weight_map, found none");
  return std::move(reader.shards);
}

CheckpointTensors::CheckpointTensors(std::vector<Safetensors> files, const ShardMap& shards, std::string path)
    : path_(std::move(path)), files_(std::move(files)) {
  for (const Safetensors& file : files_) {
    const std::string shard = fs::path(file.path()).filename().string();
    for (const TensorView& tensor : file.tensors()) {
      const auto listed = shards.find(tensor.name);
      if (shards.empty() || (listed != shards.end() && listed->second == shard))
        tensors_.push_back(&tensor);
      else
        warnings_.push_back(file.path() + ": tensor '" + tensor.name +
                            "' is ignored, the index does not list it in this shard");
    }
  }
  std::sort(tensors_.begin(), tensors_.end(),
            [](const TensorView* a, const TensorView* b) { return a->name < b->name; });
  for (const auto& [tensor, shard] : shards)
    if (find(tensor) == nullptr)
      warnings_.push_back(path_ + ": tensor " + in_quotes(tensor) + " is listed in " + shard + ", which lacks it");
}

const TensorView* CheckpointTensors::find(std::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const TensorView* tensor, std::string_view value) { return tensor->name < value; });
  return found != tensors_.end() && (*found)->name == name ? *found : nullptr;
}

const TensorView& CheckpointTensors::at(std::string_view name) const {
  if (const TensorView* tensor = find(name)) return *tensor;
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const TensorView* tensor : tensors_) names.push_back(tensor->name);
  fail(path_, ": no tensor ", in_quotes(name), suggestion(name, names), "; it holds ", names.size(), ": ",
       join_names(names, 8));
}

CheckpointTensors open_checkpoint_tensors(const std::string& folder, const SafetensorsOptions& options) {
  std::error_code error;
  const auto one_file = [&](const std::string& path) {
    std::vector<Safetensors> files;
    files.emplace_back(path, options);
    return CheckpointTensors(std::move(files), {}, path);
  };
  if (fs::exists(folder, error) && !fs::is_directory(folder, error)) return one_file(folder);
  if (!fs::is_directory(folder, error))
    fail(folder, ": expected a checkpoint folder or a .safetensors file, found nothing of that name");
  if (const std::string path = folder + "/" + kSingleFile; fs::exists(path, error)) return one_file(path);
  if (const std::string path = folder + "/" + kIndexFile; fs::exists(path, error))
    return open_shards(folder, path, options);
  for (const char* pickled : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (fs::exists(folder + "/" + pickled, error))
      fail(folder, ": expected ", kSingleFile, ", found only ", pickled,
           ", a pickle, which may run any code when read; save the model as safetensors where you trust it");
  fail(folder, ": expected ", kSingleFile, " or ", kIndexFile, ", found neither");
}

void write_checkpoint_tensors(const std::string& folder, std::span<const TensorView> tensors, uint64_t max_shard_bytes,
                              const Metadata& metadata) {
  write_checkpoint_tensors(
      folder, tensors, [&](size_t index, const ByteSink& sink) { sink(tensors[index].bytes); }, max_shard_bytes,
      metadata);
}

void write_checkpoint_tensors(const std::string& folder, std::span<const TensorView> tensors,
                              const TensorContent& content, uint64_t max_shard_bytes, const Metadata& metadata) {
  std::vector<size_t> begins = {0};  // of the shards
  uint64_t used = 0;
  uint64_t total = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const uint64_t size = tensor_bytes(folder + ": tensor " + tensors[i].name, tensors[i].dtype, tensors[i].shape);
    if (i > begins.back() && used + size > max_shard_bytes) {
      begins.push_back(i);
      used = 0;
    }
    used += size;
    total += size;
  }
  const std::string single = folder + "/" + kSingleFile;
  if (begins.size() == 1) {
    write_safetensors(single, tensors, content, metadata);
    return;
  }
  // Readers look for the single file first: beside one, the shards would never be read.
  if (fs::exists(single)) fail(folder, ": expected a folder without ", kSingleFile, " to write shards into");
  nlohmann::json index = {{"metadata", {{"total_size", total}}}};
  for (size_t i = 0; i < begins.size(); ++i) {
    const std::string name = shard_name(i, begins.size());
    const size_t first = begins[i], end = i + 1 < begins.size() ? begins[i + 1] : tensors.size();
    const auto shard = tensors.subspan(first, end - first);
    write_safetensors(
        beside(folder, name), shard, [&](size_t which, const ByteSink& sink) { content(first + which, sink); },
        metadata);
    for (const TensorView& tensor : shard)
      if (!index["weight_map"].emplace(tensor.name, name).second)
        fail(folder, ": expected each tensor once, found ", in_quotes(tensor.name), " a second time");
  }
  write_file_atomic(folder + "/" + kIndexFile, index.dump(2) + "\n");
}

}  // namespace strata
