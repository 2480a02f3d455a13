#include "strata/formats/model_notes.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"
#include "strata/route/route.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kFormat = 1;

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

}  // namespace

NotesFile notes_from_json(const json& json, const std::string& architecture, int64_t depth, const std::string& file) {
  const JsonFields fields(json, file);
  const int64_t format = fields.integer("format", 0, 1, std::numeric_limits<int32_t>::max());
  if (format == 0) fields.refuse("format", "the version of this file's format");
  if (format > kFormat) fail(file, ": format ", format, " comes from a newer Strata; this one reads up to ", kFormat);
  NotesFile read;
  read.architecture = fields.text("architecture", architecture);
  if (read.architecture != architecture) fields.refuse("architecture", "\"" + architecture + "\", as config.json says");
  read.slots = fields.text("slots", read.slots);
  read.slot_count = fields.integer("slot_count", 0, 0, kMaxRouteSteps);
  ModelNotes& notes = read.notes;
  notes.block_ids = fields.texts("block_ids", {});
  if (!notes.block_ids.empty() && std::ssize(notes.block_ids) != depth)
    fail(file, ": block_ids: expected one for each of ", depth, " blocks, found ", notes.block_ids.size());
  notes.trained_routes = fields.texts("trained_routes", {});
  notes.recipe = fields.text("recipe", "");
  notes.strata_version = fields.text("strata_version", "");
  notes.steps = fields.integer("steps", 0, 0, std::numeric_limits<int64_t>::max());
  notes.seed = fields.natural("seed", 0);
  notes.provenance = read_provenance(fields);
  return read;
}

ordered_json notes_to_json(const NotesFile& file) {
  const ModelNotes& notes = file.notes;
  ordered_json provenance = ordered_json::array();
  for (const auto& step : notes.provenance)
    provenance.push_back({{"operation", step.operation}, {"detail", step.detail}, {"sources", step.sources}});
  return {{"format", kFormat},
          {"architecture", file.architecture},
          {"slots", file.slots},
          {"slot_count", file.slot_count},
          {"block_ids", notes.block_ids},
          {"trained_routes", notes.trained_routes},
          {"recipe", notes.recipe},
          {"strata_version", notes.strata_version},
          {"steps", notes.steps},
          {"seed", notes.seed},
          {"provenance", provenance}};
}

}  // namespace strata
