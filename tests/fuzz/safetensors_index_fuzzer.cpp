// Parser: strata/formats/safetensors_index.cpp
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "strata/base/error.h"
#include "strata/formats/safetensors_index.h"

// Any text is either refused by an Error or gives the map that a tree of the same JSON holds, of plain file names.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
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
