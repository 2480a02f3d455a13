#include "strata/route/spec.h"

#include <algorithm>
#include <utility>

#include "strata/base/error.h"

namespace strata {
namespace {

std::string describe(const TrackSpec& track) {
  return "'" + track.name + "' [" + (track.rows.empty() ? "any rows" : track.rows) + ", " +
         (track.channels == 0 ? "any" : std::to_string(track.channels)) + "]";
}

std::string describe(const std::vector<TrackSpec>& tracks) {
  std::string text;
  for (const auto& track : tracks) text.append(text.empty() ? "" : ", ").append(describe(track));
  return text.empty() ? "no tracks" : text;
}

template <class Names>
std::string list(const Names& names) {
  std::string text;
  for (const auto& name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text.empty() ? "none" : text;
}

TrackSpec* find(std::vector<TrackSpec>& stream, const std::string& name) {
  const auto found = std::find_if(stream.begin(), stream.end(), [&](const auto& track) { return track.name == name; });
  return found == stream.end() ? nullptr : &*found;
}

bool same_rows(const TrackSpec& need, const TrackSpec& have) {
  return need.rows.empty() || need.rows == have.rows;
}
bool fits(const TrackSpec& need, const TrackSpec& have) {
  return same_rows(need, have) && (need.channels == 0 || need.channels == have.channels);
}

const ChainSpec* find_chain(const Call& call, const ChainSpec& chain, const Sources& sources) {
  if (call.source.empty()) return &chain;
  const auto found = sources.find(call.source);
  return found == sources.end() ? nullptr : &found->second;
}

std::string unknown_source(const Call& call, const Sources& sources) {
  std::string known;
  for (const auto& [name, chain] : sources) known.append(known.empty() ? "" : ", ").append(name);
  return "unknown source '" + call.source + "'; known sources: " + (known.empty() ? "none" : known) +
         " (no source: the opened model)";
}

class Validator {
 public:
  Validator(const ChainSpec& chain, const Sources& sources, std::span<const std::string> selectors)
      : chain_(chain), sources_(sources), selectors_(selectors), stream_(chain.embed_out) {}

  void run(const Route& route) {
    for (const auto& step : route.steps) {
      ++step_;
      check_step(step);
    }
    const std::string who = "the head of stack '" + chain_.stack + "'";
    for (const auto& need : chain_.head_in) {
      const auto* have = find(stream_, need.name);
      if (!have || !fits(need, *have))
        fail("route: ", who, " expects track ", describe(need), ", found ", describe(stream_), " after the last step");
    }
  }

 private:
  template <class... Parts>
  [[noreturn]] void reject(const Parts&... parts) const {
    fail("route step ", step_, ": ", parts...);
  }

  void check_step(const Step& step) {
    for (const auto& call : step) {
      const BlockSpec& block = check_call(call);
      if (step.size() > 1 && block.kind != BlockSpec::Kind::adds)
        reject("expected side by side only blocks that add to the stream, found block ", call.block, " ('", block.name,
               "'), which ", block.kind == BlockSpec::Kind::replaces ? "replaces it" : "changes its rows",
               "; run it in a step of its own");
      check_fit(call, block);
    }
    if (step.size() == 1) advance(chain_of(step[0], chain_, sources_).blocks[step[0].block]);
  }

  const BlockSpec& check_call(const Call& call) const {
    const ChainSpec* found = find_chain(call, chain_, sources_);
    if (!found) reject(unknown_source(call, sources_));
    const ChainSpec& chain = *found;
    const auto blocks = std::ssize(chain.blocks);
    if (call.block >= blocks) {
      if (blocks == 0) reject("block ", call.block, " not in stack '", chain.stack, "', which has no blocks");
      reject("block ", call.block, " not in stack '", chain.stack, "' (blocks 0-", blocks - 1,
             "); did the route come from a deeper stack?");
    }
    const BlockSpec& block = chain.blocks[call.block];
    if (!call.part.empty() && std::find(block.parts.begin(), block.parts.end(), call.part) == block.parts.end())
      reject("block ", call.block, " ('", block.name, "') has no part '", call.part,
             "'; its parts: ", list(block.parts));
    for (const auto& limit : call.limits) check_limit(call, block, limit);
    return block;
  }

  void check_limit(const Call& call, const BlockSpec& block, const Limit& limit) const {
    const int64_t size = limit.kind == Limit::Kind::heads     ? block.heads
                         : limit.kind == Limit::Kind::neurons ? block.neurons
                                                              : block.inputs;
    const auto kind = name_of(limit.kind);
    if (size == 0) reject("block ", call.block, " ('", block.name, "') has no ", kind, " to choose from");
    if (limit.exact() && limit.members.back() >= size)
      reject("expected ", kind, " 0-", size - 1, " of block ", call.block, ", found ", limit.members.back());
    if (!limit.exact() && std::find(selectors_.begin(), selectors_.end(), limit.selector) == selectors_.end())
      reject("unknown selector '", limit.selector, "' for ", kind, "; known selectors: ", list(selectors_));
  }

  void check_fit(const Call& call, const BlockSpec& block) {
    const auto check = [&](const TrackSpec& track, std::string_view verb, bool fit) {
      if (!fit)
        reject("block ", call.block, " ('", block.name, "') ", verb, " track ", describe(track), ", found ",
               describe(stream_));
    };
    for (const auto& need : block.in) {
      const auto* have = find(stream_, need.name);
      check(need, "reads", have && fits(need, *have));
    }
    if (block.kind == BlockSpec::Kind::changes_rows) return;
    for (const auto& out : block.out) {
      const auto* have = find(stream_, out.name);
      if (block.kind == BlockSpec::Kind::adds) check(out, "adds to", have && fits(out, *have));
      if (block.kind == BlockSpec::Kind::replaces) check(out, "replaces", have && same_rows(out, *have));
    }
  }

  void advance(const BlockSpec& block) {
    if (block.kind == BlockSpec::Kind::replaces)
      for (const auto& out : block.out)
        if (out.channels != 0) find(stream_, out.name)->channels = out.channels;
    if (block.kind != BlockSpec::Kind::changes_rows) return;
    std::vector<TrackSpec> after = block.out;
    for (auto& track : after)
      if (const auto* before = find(stream_, track.name)) {
        if (track.rows.empty()) track.rows = before->rows;
        if (track.channels == 0) track.channels = before->channels;
      }
    stream_ = std::move(after);
  }

  const ChainSpec& chain_;
  const Sources& sources_;
  std::span<const std::string> selectors_;
  std::vector<TrackSpec> stream_;  // as the steps so far leave it
  int64_t step_ = 0;               // from 1, as people count
};

}  // namespace

const ChainSpec& chain_of(const Call& call, const ChainSpec& chain, const Sources& sources) {
  const ChainSpec* found = find_chain(call, chain, sources);
  if (!found) fail("route: ", unknown_source(call, sources));
  return *found;
}

void validate(const Route& route, const ChainSpec& chain, const Sources& sources,
              std::span<const std::string> selectors) {
  check_well_formed(route);
  Validator(chain, sources, selectors).run(route);
}

}  // namespace strata
