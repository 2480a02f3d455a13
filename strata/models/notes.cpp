#include "strata/models/notes.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace strata {

void take_notes(Model& model, const nlohmann::json& text, const std::string& file) {
  NotesFile read = notes_from_json(text, model.architecture, model.depth(), file);
  model.notes = std::move(read.notes);
  model.slots() = std::move(read.slots);
  model.slot_count() = read.slot_count;
}

}  // namespace strata
