#include "strata/stack/run.h"

#include "strata/base/error.h"
#include "strata/route/print.h"
#include "strata/stack/live.h"

namespace strata {

struct Runner::Site {
  const Stack& stack;
  const Block& block;
  Weights weights;
  const Live* live;
  Selection keep;
  struct Leaf {
    const Block* block;
    Weights weights;
    Place place;
    CacheEntry* cache;
    Random random;
  };
  std::vector<Leaf> leaves;
};

Runner::Runner(const Stack& stack, const RunOptions& options) : stack_(stack), options_(options) {}

void Runner::check(const Route& route, int64_t sequences) const {
  Sources chains;
  if (options_.sources)
    for (const auto& [name, source] : *options_.sources) chains.emplace(name, source->chain);
  validate(route, stack_.chain, chains);
  if (!options_.live.empty() && options_.live.size() != route.steps.size())
    fail("live rows: expected them for each of ", route.steps.size(), " steps of the route, got ",
         options_.live.size());
  const Given& given = options_.given ? *options_.given : nothing_;
  for (const auto& step : route.steps)
    for (const auto& call : step) {
      const Stack& owner = call.source.empty() ? stack_ : *options_.sources->find(call.source)->second;
      for (const auto& need : owner.blocks[call.block]->needs())
        check_given(given, need, "block " + std::to_string(call.block), sequences);
    }
}

Stream Runner::embed(const Stream& input) const {
  if (!stack_.embed) return input;
  Pass pass{.given = options_.given ? *options_.given : nothing_,
            .place = {.name = "embed"},
            .taps = options_.taps,
            .random = options_.random,
            .training = options_.training};
  Stream x = stack_.embed->forward(Weights(stack_.weights, "embed.", options_.overlays), input, pass);
  if (options_.taps) options_.taps->record("embed", x.x());
  return x;
}

Runner::Site Runner::site(const Call& call, Progress& progress, const Step& step, size_t index) const {
  const Stack& owner = call.source.empty() ? stack_ : *options_.sources->find(call.source)->second;
  const Block& block = *owner.blocks[call.block];
  // Overlays hold the opened stack's names, so blocks of other sources never see them.
  Site site{owner,
            block,
            Weights(owner.weights, "blocks." + std::to_string(call.block) + ".",
                    call.source.empty() ? std::span<const Overlay* const>(options_.overlays)
                                        : std::span<const Overlay* const>()),
            options_.live.empty() ? nullptr : &options_.live[progress.slot],
            {},
            {}};
  for (const auto& limit : call.limits) {
    if (!limit.exact()) fail("route step ", progress.slot + 1, ": '", limit.selector, "' was not resolved to a set");
    const Tensor members = at::tensor(std::vector<int64_t>(limit.members.begin(), limit.members.end()), at::kLong);
    (limit.kind == Limit::Kind::heads     ? site.keep.heads
     : limit.kind == Limit::Kind::neurons ? site.keep.neurons
                                          : site.keep.inputs) = members;
  }
  std::string name;
  if (options_.taps) {
    name = "slot." + std::to_string(progress.slot) + ".block." + (call.source.empty() ? "" : call.source + ":") +
           std::to_string(call.block);
    int copies = 1;  // 4+4 is two calls of one slot
    for (size_t i = 0; i < index; ++i) copies += step[i] == call;
    if (copies > 1) name += "#" + std::to_string(copies);
  }
  const auto add_leaf = [&](const Block& leaf, std::string_view part) {
    const std::string key = call.source + ":" + std::to_string(call.block) + "." + std::string(part);
    const int64_t occurrence = progress.occurrences[key]++;
    Site::Leaf entry{&leaf,
                     part.empty() ? site.weights : site.weights.child(part),
                     {progress.slot, call.block, occurrence, name},
                     nullptr,
                     options_.random.fork(progress.slot).fork(index).fork(site.leaves.size())};
    if (!part.empty() && options_.taps) entry.place.name += "." + std::string(part);
    if (options_.caches) {
      // The identity of a cache: everything executed before this step, the step itself, which of its calls and which
      // part.
      const std::string prefix = progress.prefix + (progress.prefix.empty() ? "" : ",") + print_step(step) + "#" +
                                 std::to_string(index) + "." + std::string(part);
      entry.cache = options_.caches->find(prefix);
      if (!entry.cache) {
        if (auto fresh = leaf.make_cache(entry.weights, 0))
          entry.cache = options_.caches->insert(prefix, std::move(fresh));
      }
    }
    site.leaves.push_back(std::move(entry));
  };
  if (block.parts().empty()) {
    add_leaf(block, "");
  } else {
    for (const auto& part : block.parts())
      if (call.part.empty() || call.part == part.name) add_leaf(*part.block, part.name);
  }
  return site;
}

Stream Runner::call(const Site& site, const Stream& start, bool deltas_only) const {
  Stream x = start, total;
  const bool side_by_side = site.block.side_by_side();
  for (const auto& leaf : site.leaves) {
    Pass pass{.given = options_.given ? *options_.given : nothing_,
              .place = leaf.place,
              .keep = site.keep,
              .cache = leaf.cache,
              .taps = options_.taps,
              .random = leaf.random,
              .training = options_.training};
    const bool adds = leaf.block->spec().kind == BlockSpec::Kind::adds;
    if (adds && !deltas_only && !side_by_side && !site.live &&
        !(options_.taps && options_.taps->wants(leaf.place.name))) {
      x = leaf.block->advance(leaf.weights, x, pass);
      continue;
    }
    const Stream& input = side_by_side ? start : x;
    Stream out = site.live ? run_live(*leaf.block, leaf.weights, input, pass, *site.live)
                           : leaf.block->forward(leaf.weights, input, pass);
    if (options_.taps && !out.tracks.empty() && out.x().defined()) options_.taps->record(leaf.place.name, out.x());
    switch (leaf.block->spec().kind) {
      case BlockSpec::Kind::adds:
        x = add(x, out);
        if (deltas_only) {
          for (auto& track : out.tracks) {
            if (!track.value.defined()) continue;
            bool found = false;
            for (auto& sum : total.tracks)
              if (sum.name == track.name) sum.value = sum.value + track.value, found = true;
            if (!found) total.tracks.push_back(track);
          }
        }
        break;
      case BlockSpec::Kind::replaces:
        for (auto& track : out.tracks)
          for (auto& old : x.tracks)
            if (old.name == track.name) old = track;
        break;
      case BlockSpec::Kind::changes_rows:
        x = std::move(out);
        break;
    }
  }
  return deltas_only ? total : x;
}

Stream Runner::step(const Step& step, const Stream& x, Progress& progress) const {
  Stream result;
  if (step.size() == 1) {
    result = call(site(step[0], progress, step, 0), x, false);
  } else {
    // Side by side: all read the stream as it was, their deltas are added in the order written.
    result = x;
    for (size_t i = 0; i < step.size(); ++i) result = add(result, call(site(step[i], progress, step, i), x, true));
  }
  if (options_.taps) options_.taps->record("slot." + std::to_string(progress.slot), result.x());
  if (options_.caches) progress.prefix += (progress.prefix.empty() ? "" : ",") + print_step(step);
  ++progress.slot;
  return result;
}

Stream Runner::head(const Stream& x) const {
  Stream result = x;
  Pass pass{.given = options_.given ? *options_.given : nothing_,
            .place = {.name = "norm"},
            .taps = options_.taps,
            .random = options_.random,
            .training = options_.training};
  if (stack_.norm) {
    result = stack_.norm->forward(Weights(stack_.weights, "norm.", options_.overlays), result, pass);
    if (options_.taps) options_.taps->record("norm", result.x());
  }
  if (stack_.head) {
    pass.place.name = "head";
    result = stack_.head->forward(Weights(stack_.weights, "head.", options_.overlays), result, pass);
    if (options_.taps) options_.taps->record("head", result.x());
  }
  return result;
}

Stream run_trunk(const Stack& stack, const Route& route, const Stream& input, const RunOptions& options) {
  const Runner runner(stack, options);
  runner.check(route, input.rows()->sequences);
  Stream x = runner.embed(input);
  Runner::Progress progress;
  for (const auto& step : route.steps) x = runner.step(step, x, progress);
  return x;
}

Stream run(const Stack& stack, const Route& route, const Stream& input, const RunOptions& options) {
  return Runner(stack, options).head(run_trunk(stack, route, input, options));
}

}  // namespace strata
