#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace strata {

/// One step by which a checkpoint came to be from others.
struct Provenance {
  std::string operation;             // "prune", "merge ties"
  std::string detail;                // what decides the result: the route, weights, seed
  std::vector<std::string> sources;  // the models it was made from, in words
};

/// What a checkpoint knows about itself beside its weights and sizes; kept in strata.json, which other programs ignore.
struct ModelNotes {
  std::vector<std::string> block_ids;       // stable names of the blocks, in the order of their indices
  std::vector<std::string> trained_routes;  // text of the samplers or routes it was trained for
  std::string recipe;
  std::string strata_version;
  int64_t steps = 0;
  uint64_t seed = 0;
  std::vector<Provenance> provenance;  // oldest first
};

/// What stands in strata.json.
struct NotesFile {
  std::string architecture;
  std::string slots = "none";  // and their count: of the model's configuration
  int64_t slot_count = 0;
  ModelNotes notes;
};

/// Reads strata.json of a model of `depth` blocks whose config.json names `architecture`. Throws Error naming `file` and
/// the key for another architecture, names for another number of blocks, wrong types and files of a newer version.
NotesFile notes_from_json(const nlohmann::json& json, const std::string& architecture, int64_t depth,
                          const std::string& file);
nlohmann::ordered_json notes_to_json(const NotesFile& file);

}  // namespace strata
