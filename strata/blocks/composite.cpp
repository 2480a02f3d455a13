#include "strata/blocks/composite.h"

#include <algorithm>

#include "strata/base/error.h"

namespace strata {

Composite::Composite(std::string name, std::vector<Part> parts, bool side_by_side)
    : name_(std::move(name)), parts_(std::move(parts)), side_by_side_(side_by_side) {
  if (parts_.empty()) fail("block '", name_, "': needs at least one part");
  for (const auto& part : parts_)
    if (!part.block->parts().empty())
      fail("block '", name_, "': part '", part.name, "' has parts itself; a route can name one level only");
  if (side_by_side_)
    for (const auto& part : parts_)
      if (part.block->spec().kind != BlockSpec::Kind::adds)
        fail("block '", name_, "': part '", part.name, "' must add to the stream to run beside others");
}

BlockSpec Composite::spec() const {
  BlockSpec result{.name = name_};
  for (const auto& part : parts_) {
    const auto spec = part.block->spec();
    result.parts.push_back(part.name);
    // The whole needs what its parts need and do not get from an earlier part; it leaves what they leave.
    for (const auto& track : spec.in)
      if (std::none_of(result.in.begin(), result.in.end(),
                       [&](const TrackSpec& known) { return known.name == track.name; }))
        result.in.push_back(track);
    for (const auto& track : spec.out)
      if (std::none_of(result.out.begin(), result.out.end(),
                       [&](const TrackSpec& known) { return known.name == track.name; }))
        result.out.push_back(track);
    result.kind = std::max(result.kind, spec.kind);
    result.heads = std::max(result.heads, spec.heads);
    result.neurons = std::max(result.neurons, spec.neurons);
    result.inputs = std::max(result.inputs, spec.inputs);
  }
  return result;
}

std::vector<ParamInfo> Composite::params() const {
  std::vector<ParamInfo> result;
  for (const auto& part : parts_) append(result, prefixed(part.name, part.block->params()));
  return result;
}

std::vector<Need> Composite::needs() const {
  std::vector<Need> result;
  for (const auto& part : parts_)
    for (auto& need : part.block->needs()) result.push_back(std::move(need));
  return result;
}

Stream Composite::forward(const Weights&, const Stream&, Pass&) const {
  fail("block '", name_, "': run its parts");
}

}  // namespace strata
