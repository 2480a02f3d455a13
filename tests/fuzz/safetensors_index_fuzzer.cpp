// Parser: strata/formats/safetensors_index.cpp
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/error.h"
#include "strata/formats/safetensors_index.h"
#include "tests/fuzz/expect_refused.h"

namespace {

using strata::expect_refused;

// Folders that hold no checkpoint, and tensors that make none.
bool refuses_bad_folders() {
  const auto open = [](const std::string& path) { return strata::open_checkpoint_tensors(path); };
  const strata::FilesForFuzzing folder;
  expect_refused([&] { return open(folder.path() + "/none"); });
  expect_refused([&] { return open(folder.path()); });
  folder.put("pytorch_model.bin", "");
  expect_refused([&] { return open(folder.path()); });
  folder.put("model.safetensors.index.json", R"({"weight_map": {}})");
  expect_refused([&] { return open(folder.path()); });
  const std::vector<std::byte> four(4);
  const strata::TensorView good{"t", strata::DType::F32, {1}, four};
  const auto write = [&](std::vector<strata::TensorView> tensors, uint64_t most) {
    strata::write_checkpoint_tensors(folder.path(), tensors, most);
    return 0;
  };
  expect_refused([&] { return write({good, good}, 4); });
  write({good}, 4);
  expect_refused([&] { return open(folder.path()).at("u").shape; });
  expect_refused([&] { return write({good, good}, 4); });  // beside a single file
  return true;
}

}  // namespace

// Any text is either refused by an Error or gives the map that a tree of the same JSON holds, of plain file names.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool checked = refuses_bad_folders();
  (void)checked;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  strata::ShardMap shards;
  try {
    shards = strata::parse_safetensors_index(text, "input");
  } catch (const strata::Error&) {
    return 0;
  }
  const auto map = nlohmann::json::parse(text).at("weight_map");
  if (map.size() != shards.size()) std::abort();
  for (const auto& [tensor, shard] : shards)
    if (map.at(tensor) != shard || shard.empty() || shard.find('/') != shard.npos || shard == "..") std::abort();
  return 0;
}
