#include "strata/stack/live.h"

#include "strata/base/error.h"

namespace strata {
namespace {

// The rows of a track that run, and the layout they have among themselves.
struct Choice {
  Tensor index;  // [live rows] int64
  RowsPtr rows;
  Tensor factor;     // [live rows, 1] or undefined
  Tensor sequences;  // [live sequences] int64 where whole sequences were chosen
};

Choice choose(const Track& track, const Live& live) {
  const Rows& rows = *track.rows;
  const auto keep = live.keep.to(at::kCPU, at::kBool);
  if (live.factor.defined() && live.factor.numel() != keep.numel())
    fail("live rows: expected a factor for each of ", keep.numel(), ", got ", live.factor.sizes());
  Choice choice;
  if (keep.numel() == rows.sequences) {
    choice.sequences = keep.nonzero().flatten();
    choice.index = rows.rows_of(choice.sequences);
    choice.rows = rows.subset(choice.sequences);
    if (live.factor.defined())
      choice.factor =
          live.factor.index_select(0, rows.sequence_of_row().index_select(0, choice.index).to(live.factor.device()));
  } else if (keep.numel() == rows.count) {
    choice.index = keep.nonzero().flatten();
    const auto counts = at::zeros({rows.sequences}, at::kLong).index_add(0, rows.sequence_of_row(), keep.to(at::kLong));
    std::vector<int64_t> lengths(counts.const_data_ptr<int64_t>(), counts.const_data_ptr<int64_t>() + counts.numel());
    auto layout = std::make_shared<Rows>(*ragged_rows(lengths));
    if (rows.positions.defined())
      layout->positions = rows.positions.index_select(0, choice.index.to(rows.positions.device()));
    choice.rows = layout;
    if (live.factor.defined()) choice.factor = live.factor.index_select(0, choice.index.to(live.factor.device()));
  } else {
    fail("live rows: expected one flag for each of ", rows.sequences, " sequences or ", rows.count, " rows of track '",
         track.name, "', got ", keep.numel());
  }
  choice.index = choice.index.to(track.value.device());
  if (choice.factor.defined()) choice.factor = choice.factor.to(track.value.options()).reshape({-1, 1});
  return choice;
}

Tensor like_rows(const Tensor& column, const Tensor& value) {  // [n, 1] -> [n, 1, 1, ...] as value has axes
  std::vector<int64_t> shape(value.dim(), 1);
  shape[0] = column.size(0);
  return column.reshape(shape);
}

}  // namespace

Stream run_live(const Block& block, const Weights& weights, const Stream& x, Pass& pass, const Live& live) {
  const auto kind = block.spec().kind;
  if (kind == BlockSpec::Kind::changes_rows)
    fail(pass.place.name, ": a block that changes rows must run on all of them");
  if (pass.cache)
    fail(pass.place.name, ": a cache and live rows cannot be combined; the cache would miss the rows that wait");
  c10::SmallVector<Choice, 2> choices;
  for (const auto& track : x.tracks) choices.push_back(choose(track, live));

  Stream result;
  if (live.others_visible) {
    result = block.forward(weights, x, pass);
  } else {
    Stream part = x;
    for (size_t i = 0; i < x.tracks.size(); ++i) {
      part.tracks[i].value = x.tracks[i].value.index_select(0, choices[i].index);
      part.tracks[i].rows = choices[i].rows;
    }
    if (part.rows()->count == 0) return kind == BlockSpec::Kind::adds ? Stream() : x;
    Given chosen;
    for (const auto& need : block.needs()) {
      auto value = pass.given.values.at(need.name);
      if (need.per_sequence) {
        if (!choices[0].sequences.defined())
          fail(pass.place.name, ": '", need.name,
               "' belongs to whole sequences, so rows inside a sequence cannot run without the others");
        if (auto* tensor = std::get_if<Tensor>(&value)) {
          *tensor = tensor->index_select(0, choices[0].sequences.to(tensor->device()));
        } else {
          for (auto& track : std::get<Stream>(value).tracks) {
            track.value =
                track.value.index_select(0, track.rows->rows_of(choices[0].sequences).to(track.value.device()));
            track.rows = track.rows->subset(choices[0].sequences);
          }
        }
      }
      chosen.values.emplace(need.name, std::move(value));
    }
    Pass inner{.given = chosen,
               .place = pass.place,
               .keep = pass.keep,
               .cache = nullptr,
               .taps = pass.taps,
               .random = pass.random,
               .training = pass.training};
    result = block.forward(weights, part, inner);
  }

  // Back to all rows: zero deltas, or the old values, where nothing ran.
  for (auto& track : result.tracks) {
    if (!track.value.defined()) continue;
    size_t i = 0;
    while (i < x.tracks.size() && x.tracks[i].name != track.name) ++i;
    if (i == x.tracks.size()) fail(pass.place.name, ": gave back a track '", track.name, "' the stream does not have");
    const Choice& choice = choices[i];
    Tensor fresh = live.others_visible ? track.value.index_select(0, choice.index) : track.value;
    const Tensor& old = x.tracks[i].value;
    if (kind == BlockSpec::Kind::adds) {
      if (choice.factor.defined()) fresh = fresh * like_rows(choice.factor, fresh);
      track.value = at::zeros_like(old).index_copy(0, choice.index, fresh.to(old.scalar_type()));
    } else {
      if (choice.factor.defined()) {
        const Tensor before = old.index_select(0, choice.index);
        fresh = before + (fresh - before) * like_rows(choice.factor, fresh);
      }
      track.value = old.index_copy(0, choice.index, fresh.to(old.scalar_type()));
    }
    track.rows = x.tracks[i].rows;
  }
  if (kind != BlockSpec::Kind::adds)
    for (const auto& track : x.tracks)
      if (!result.find(track.name)) result.tracks.push_back(track);
  return result;
}

}  // namespace strata
