#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/strata/table.h"
#include "apps/strata/verbs.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/progress.h"
#include "strata/formats/gguf.h"
#include "strata/formats/hub_cache.h"
#include "strata/formats/safetensors.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kTensorsShown = 60;
constexpr uint64_t kLargestJson = 16 << 20;

// Other people's files: a key given twice is refused, and so is nesting that only an attack would have.
Json read_json(const std::string& path) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
    using Event = Json::parse_event_t;
    if (depth > 64) fail(path, ": nested more than 64 deep");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second)
      fail(path, ": key '", value.get<std::string>(), "' stands there twice");
    return true;
  };
  try {
    return Json::parse(read_text(path, kLargestJson), check);
  } catch (const Json::exception& error) {
    fail(path, ": expected JSON, ", error.what());
  }
}

Json describe_file(const std::string& path, bool all) {
  const Safetensors file(path, {.skip_unknown_dtypes = true});
  Json json;
  json["file"] = path;
  int64_t numbers = 0;
  uint64_t bytes = 0;
  Json tensors = Json::array();
  for (const TensorView& tensor : file.tensors()) {
    int64_t size = 1;
    for (const int64_t extent : tensor.shape) size *= extent;
    numbers += size;
    bytes += tensor.bytes.size();
    if (all || tensors.size() < kTensorsShown)
      tensors.push_back({{"name", tensor.name},
                         {"type", std::string(dtype_name(tensor.dtype))},
                         {"shape", tensor.shape},
                         {"bytes", tensor.bytes.size()}});
  }
  json["tensors"] = file.tensors().size();
  json["numbers"] = numbers;
  json["bytes"] = bytes;
  if (!file.metadata().empty()) json["metadata"] = file.metadata();
  if (!file.skipped().empty()) json["unknown_types"] = file.skipped();
  json["table"] = std::move(tensors);
  return json;
}

constexpr size_t kElementsShown = 6;  // of a list in the metadata

Json as_json(const GgufValue& value, bool all) {
  return std::visit(
      [all](const auto& held) -> Json {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, GgufArray>) {
          return std::visit(
              [all](const auto& list) -> Json {
                Json json = Json::array();
                if constexpr (!std::is_same_v<std::decay_t<decltype(list)>, std::monostate>) {
                  for (const auto& element : list) {
                    if (!all && json.size() == kElementsShown) {
                      json.push_back("... " + std::to_string(list.size()) + " in all");
                      break;
                    }
                    json.push_back(element);
                  }
                }
                return json;
              },
              held);
        } else {
          return held;
        }
      },
      value);
}

// Header, metadata and tensors of a GGUF file; nothing of its data is read.
Json describe_gguf(const std::string& path, bool all_tensors, bool all_elements) {
  const Gguf file(path);
  Json json;
  json["file"] = path;
  json["format"] = "GGUF " + std::to_string(file.version());
  int64_t numbers = 0;
  uint64_t bytes = 0;
  Json tensors = Json::array();
  std::map<std::string, int64_t> types;
  for (const GgufTensor& tensor : file.tensors()) {
    const std::string type(block_type_info(tensor.type).name);
    numbers += tensor.count();
    bytes += tensor.bytes.size();
    ++types[type];
    if (all_tensors || tensors.size() < kTensorsShown)
      tensors.push_back(
          {{"name", tensor.name}, {"type", type}, {"shape", tensor.shape}, {"bytes", tensor.bytes.size()}});
  }
  json["tensors"] = file.tensors().size();
  json["numbers"] = numbers;
  json["bytes"] = bytes;
  json["types"] = types;
  for (const auto& [key, value] : file.metadata()) json["metadata"][key] = as_json(value, all_elements);
  json["table"] = std::move(tensors);
  return json;
}

bool is_gguf(const std::string& path) {
  return path.ends_with(".gguf");
}

std::string one_line(const Json& value) {
  if (!value.is_string()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string text = value.get<std::string>();
  for (char& letter : text)
    if (static_cast<unsigned char>(letter) < ' ' || letter == 0x7f) letter = ' ';
  return text;
}

void print_values(const std::string& title, const Json& values) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : values.items()) {
    std::string text = one_line(value);
    if (text.size() > 100) text = text.substr(0, 97) + "...";
    rows.push_back({key, text});
  }
  print_table({title, ""}, rows);
  std::cout << "\n";
}

void print_file(const Json& file) {
  std::cout << file["file"].get<std::string>() << ": " << file["tensors"] << " tensors, " << file["numbers"]
            << " numbers, " << bytes_text(file["bytes"].get<double>()) << "\n";
  if (file.contains("metadata")) print_values("metadata", file["metadata"]);
  std::vector<std::vector<std::string>> rows;
  for (const auto& tensor : file["table"])
    rows.push_back({tensor["name"].get<std::string>(), tensor["type"].get<std::string>(), tensor["shape"].dump(),
                    bytes_text(tensor["bytes"].get<double>())});
  print_table({"tensor", "type", "shape", "#size"}, rows);
  const size_t left = file["tensors"].get<size_t>() - rows.size();
  if (left > 0) std::cout << "  and " << left << " more (--all shows them)\n";
  if (file.contains("unknown_types"))
    std::cout << "  left out, of types this version does not know: " << file["unknown_types"].dump() << "\n";
}

Json describe_folder(const fs::path& folder, bool all) {
  Json json;
  json["folder"] = folder.string();
  for (const char* name : {"config", "strata", "preprocessor_config"}) {
    const fs::path path = folder / (std::string(name) + ".json");
    if (fs::exists(path)) json[name] = read_json(path.string());
  }
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  for (const auto& path : files) json["files"].push_back(describe_file(path, all));
  if (json.size() == 1)
    fail(folder.string(), ": expected a checkpoint (config.json, *.safetensors), but the folder holds neither");
  return json;
}

}  // namespace

void inspect(const Common& common, const Inspect& options) {
  const std::string path = find_path(options.path);
  std::error_code problem;
  if (!fs::is_directory(path, problem)) {
    const bool all = options.all || common.json;
    const Json file = is_gguf(path) ? describe_gguf(path, all, common.json) : describe_file(path, all);
    if (common.json)
      std::cout << file.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    else
      print_file(file);
    return;
  }
  const Json folder = describe_folder(path, options.all || common.json);
  if (common.json) {
    std::cout << folder.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    return;
  }
  for (const char* name : {"config", "strata", "preprocessor_config"})
    if (folder.contains(name)) print_values(std::string(name) + ".json", folder[name]);
  if (folder.contains("files"))
    for (const auto& file : folder["files"]) print_file(file);
}

}  // namespace strata::cli
