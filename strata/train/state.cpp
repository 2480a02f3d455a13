#include "strata/train/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/checksum.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/models/tensor_file.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr size_t kKept = 2;
constexpr uint64_t kMostManifest = 64 << 20;
constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kTemporary = ".new";
constexpr auto kTensors = "tensors.safetensors";
constexpr auto kManifest = "manifest.json";

std::string sum_of(const Tensor& value) {
  return checksum(std::span(static_cast<const std::byte*>(value.const_data_ptr()), value.nbytes()));
}

NamedTensors named(const TrainState& state) {
  NamedTensors tensors;
  const auto put = [&](const char* kind, size_t i, const Tensor& value) {
    tensors.emplace(kind + state.names[i], value.detach().contiguous());
  };
  for (size_t i = 0; i < state.names.size(); ++i) {
    put("weight.", i, state.params[i]);
    put("first.", i, state.optimiser[i].first);
    put("second.", i, state.optimiser[i].second);
    if (!state.ema.empty()) put("ema.", i, state.ema[i]);
  }
  return tensors;
}

// Folders of complete checkpoints, newest first.
std::vector<std::string> checkpoints(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const std::string_view digits = std::string_view(name).substr(std::min(kPrefix.size(), name.size()));
    if (!name.starts_with(kPrefix) || digits.empty() ||
        digits.find_first_not_of("0123456789") != std::string_view::npos)
      continue;
    found.push_back(entry.path().string());
  }
  // Longer numbers are larger ones once six digits are not enough.
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return std::pair(a.size(), a) > std::pair(b.size(), b); });
  return found;
}

TrainState read(const std::string& folder) {
  const std::string manifest = folder + "/" + kManifest;
  const Json json = Json::parse(read_text(manifest, kMostManifest));
  if (json.at("format") != kFormat) fail(manifest, ": expected format ", kFormat, ", got ", json.at("format").dump());
  TrainState state;
  state.step = json.at("step");
  state.seconds = json.at("seconds");
  const Json& identity = json.at("identity");
  state.identity = {identity.at("recipe"), identity.at("data"), identity.at("threads"), identity.at("kernels")};
  NamedTensors tensors = load_tensors(folder + "/" + kTensors);
  const Json& sums = json.at("checksums");
  if (sums.size() != tensors.size()) fail(folder, ": expected ", sums.size(), " tensors, got ", tensors.size());
  for (const auto& [name, value] : tensors)
    if (sums.at(name) != sum_of(value)) fail(folder, ": tensor '", name, "' is damaged (its checksum differs)");
  const auto take = [&](const std::string& name) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) fail(folder, ": expected a tensor '", name, "'");
    return found->second;
  };
  for (const Json& param : json.at("parameters")) {
    const std::string name = param.at("name");
    state.names.push_back(name);
    state.params.push_back(take("weight." + name));
    state.optimiser.push_back({take("first." + name), take("second." + name), param.at("updates")});
    if (json.at("ema")) state.ema.push_back(take("ema." + name));
  }
  return state;
}

}  // namespace

std::string save_state(const std::string& folder, const TrainState& state) {
  const std::string final = fmt::format("{}/{}{:06}", folder, kPrefix, state.step),
                    temporary = final + std::string(kTemporary);
  try {
    fs::create_directories(folder);
    // What a killed process left behind is nobody's.
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().string().ends_with(kTemporary)) fs::remove_all(entry.path());
    fs::create_directories(temporary);
    const NamedTensors tensors = named(state);
    save_tensors(temporary + "/" + kTensors, tensors);
    Json manifest{{"format", kFormat}, {"step", state.step}, {"seconds", state.seconds}, {"ema", !state.ema.empty()}};
    manifest["identity"] = {{"recipe", state.identity.recipe},
                            {"data", state.identity.data},
                            {"threads", state.identity.threads},
                            {"kernels", state.identity.kernels}};
    for (size_t i = 0; i < state.names.size(); ++i)
      manifest["parameters"].push_back({{"name", state.names[i]}, {"updates", state.optimiser[i].steps}});
    for (const auto& [name, value] : tensors) manifest["checksums"][name] = sum_of(value);
    write_file_atomic(temporary + "/" + kManifest, manifest.dump(1) + "\n");
    publish_folder(temporary, final);
  } catch (const std::exception& error) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    const auto older = checkpoints(folder);
    fail("train: the checkpoint of step ", state.step, " could not be saved (", error.what(), "); ",
         older.empty() ? "there is no older one"
                       : "the one before it, " + older.front() + ", is intact and the same command goes on from there");
  }
  const auto found = checkpoints(folder);
  std::error_code untidy;  // one too many does no harm
  for (size_t i = kKept; i < found.size(); ++i) fs::remove_all(found[i], untidy);
  return final;
}

std::optional<TrainState> load_state(const std::string& folder, std::vector<std::string>& warnings) {
  const auto found = checkpoints(folder);
  for (const auto& path : found) {
    try {
      return read(path);
    } catch (const Error& error) {
      warnings.push_back(std::string("train: passing over a damaged checkpoint: ") + error.what());
    } catch (const Json::exception& error) {
      warnings.push_back("train: passing over a damaged checkpoint: " + path + "/" + kManifest + ": " + error.what());
    }
  }
  if (!found.empty())
    fail("train: all ", found.size(), " checkpoints in ", folder, " are damaged; ", warnings.back(),
         "; remove them to start again");
  return std::nullopt;
}

void check_identity(const RunIdentity& stored, const RunIdentity& now, const std::string& folder) {
  const auto check = [&](const char* what, const std::string& before, const std::string& here, const char* advice) {
    if (before != here)
      fail("train: ", folder, " was begun with another ", what, " (", before, ", now ", here,
           "), so it would not end with the same weights; ", advice, ", or force it, or use another folder");
  };
  check("recipe", stored.recipe, now.recipe, "use the recipe.toml in that folder");
  check("training set", stored.data, now.data, "use the same data");
  check("number of threads", stored.threads, now.threads, "use as many threads");
  check("kernel level", stored.kernels, now.kernels, "set STRATA_ISA");
}

}  // namespace strata
