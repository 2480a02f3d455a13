#include "strata/blocks/stream.h"

#include "strata/base/error.h"

namespace strata {

Stream::Stream(std::string name, Tensor value, RowsPtr rows) {
  tracks.push_back({std::move(name), std::move(value), std::move(rows)});
}

const Track* Stream::find(std::string_view name) const {
  for (const auto& track : tracks)
    if (track.name == name) return &track;
  return nullptr;
}

const Track& Stream::at(std::string_view name) const {
  if (const Track* track = find(name)) return *track;
  std::string known;
  for (const auto& track : tracks) known += (known.empty() ? "" : ", ") + track.name;
  fail("stream: no track '", name, "'; it has ", known.empty() ? "none" : known);
}

Stream Stream::with(Tensor value) const {
  Stream result = *this;
  result.tracks[0].value = std::move(value);
  return result;
}

Stream Stream::delta(Tensor value) const {
  return Stream(tracks[0].name, std::move(value), tracks[0].rows);
}

Stream add(const Stream& x, const Stream& delta) {
  Stream result = x;
  for (const auto& change : delta.tracks) {
    if (!change.value.defined()) continue;
    bool found = false;
    for (auto& track : result.tracks) {
      if (track.name != change.name) continue;
      if (track.value.sizes() != change.value.sizes())
        fail("stream: track '", track.name, "' is ", track.value.sizes(), ", but ", change.value.sizes(),
             " was to be added to it");
      track.value = track.value + change.value;
      found = true;
    }
    if (!found) fail("stream: nothing to add to, no track '", change.name, "'");
  }
  return result;
}

}  // namespace strata
