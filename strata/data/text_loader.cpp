#include "strata/data/text_loader.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "strata/base/error.h"
#include "strata/base/random.h"
#include "strata/data/epochs.h"

namespace strata {
namespace {

constexpr uint64_t kPhaseStream = 1;  // below the seed; 0: epochs.h
constexpr int64_t kIgnored = -100;
constexpr int64_t kMostRows = int64_t{1} << 28;

// Inputs `first` .. `first` + `length` - 1 of one document; targets are one further on.
struct Part {
  int64_t first, length;
};

std::vector<Part> parts_of(const TextSet& set, int64_t context) {
  const int64_t* offsets = set.offsets.const_data_ptr<int64_t>();
  const bool* counted = set.counted.defined() ? set.counted.const_data_ptr<bool>() : nullptr;
  std::vector<Part> parts;
  for (int64_t d = 0; d < set.documents(); ++d)
    for (int64_t first = offsets[d]; first + 1 < offsets[d + 1]; first += context) {
      const int64_t length = std::min(context, offsets[d + 1] - 1 - first);
      const bool teaches =
          !counted || std::any_of(counted + first + 1, counted + first + 1 + length, [](bool c) { return c; });
      if (teaches) parts.push_back({first, length});
    }
  return parts;
}

}  // namespace

struct TextBatches::State {
  TextSet set;
  TextBatching batching;
  std::vector<Part> parts;  // packing documents
  int64_t count;
  EpochOrders orders;

  State(TextSet text, const TextBatching& config, std::vector<Part> pieces, int64_t number)
      : set(std::move(text)), batching(config), parts(std::move(pieces)), count(number), orders(number, config.seed) {}

  // Inputs of the stretch or part at a place of the long line.
  Part part(int64_t place) {
    const int64_t epoch = place / count, index = (*orders.of(epoch))[place % count];
    if (batching.packing == Packing::documents) return parts[index];
    // The last of them ends before the text does, however far they are moved.
    const int64_t room = set.size() - 1 - count * batching.context;
    const auto phase =
        static_cast<int64_t>(Random(batching.seed)
                                 .fork(kPhaseStream)
                                 .fork(epoch)
                                 .below(static_cast<uint64_t>(std::min(room, batching.context - 1) + 1)));
    return {phase + index * batching.context, batching.context};
  }
};

TextBatches::TextBatches(TextSet set, const TextBatching& batching) {
  const int64_t context = batching.context;
  if (context < 1 || batching.batch < 1 || batching.batch > kMostRows / context)
    fail_usage("text batches: expected a context and a batch of at least 1 and at most ", kMostRows,
               " tokens in all, got context ", context, " and batch ", batching.batch);
  std::vector<Part> parts;
  int64_t count = 0;
  if (batching.packing == Packing::documents) {
    parts = parts_of(set, context);
    count = std::ssize(parts);
    if (count == 0) fail("text '", set.name, "': has no document with a token to learn and one before it");
  } else {
    if (set.size() < context + 1)
      fail("text '", set.name, "': has ", set.size(), " tokens, too few for one context of ", context,
           " and the token that follows; set a smaller data.context");
    if (set.counted.defined() && !set.counted.any().item<bool>())
      fail("text '", set.name, "': no token is to be learned");
    // One stretch fewer than there is room for leaves room to move them.
    count = std::max<int64_t>(1, (set.size() - 1) / context - 1);
  }
  if (count > std::numeric_limits<int32_t>::max())
    fail("text '", set.name, "': gives ", count, " pieces of ", context, " tokens, more than 2^31 - 1");
  state_ = std::make_unique<State>(std::move(set), batching, std::move(parts), count);
}
TextBatches::~TextBatches() = default;
TextBatches::TextBatches(TextBatches&&) noexcept = default;

int64_t TextBatches::count() const {
  return state_->count;
}

TextBatch TextBatches::at(int64_t step) const {
  const auto& [packing, context, size, seed] = state_->batching;
  const TextSet& set = state_->set;
  const int64_t* offsets = set.offsets.const_data_ptr<int64_t>();
  const int32_t* ids = set.tokens.const_data_ptr<int32_t>();
  const bool* counted = set.counted.defined() ? set.counted.const_data_ptr<bool>() : nullptr;
  std::vector<int64_t> lengths, tokens, targets;
  for (int64_t i = 0; i < size; ++i) {
    const auto [first, length] = state_->part(step * size + i);
    for (int64_t at = first; at < first + length; ++at) {
      tokens.push_back(ids[at]);
      targets.push_back(!counted || counted[at + 1] ? ids[at + 1] : kIgnored);
    }
    if (packing != Packing::packed) {
      lengths.push_back(length);
      continue;
    }
    // What follows the last token of a document is another document's.
    const int64_t* next = std::upper_bound(offsets, offsets + set.documents() + 1, first);
    for (int64_t begin = first; begin < first + length;) {
      const int64_t end = std::min(*next, first + length);
      if (*next <= first + length) targets[targets.size() - static_cast<size_t>(first + length - *next) - 1] = kIgnored;
      lengths.push_back(end - begin);
      begin = end;
      while (next < offsets + set.documents() && *next <= begin) ++next;  // past empty documents too
    }
  }
  TextBatch batch{.tokens = at::tensor(tokens, at::kLong),
                  .targets = at::tensor(targets, at::kLong),
                  .rows = ragged_rows(lengths),
                  .step = step};
  return batch;
}

TextBatch slice(const TextBatch& batch, int64_t first_sequence, int64_t count) {
  const int64_t begin = batch.rows->begin(first_sequence), end = batch.rows->begin(first_sequence + count);
  return {batch.tokens.slice(0, begin, end), batch.targets.slice(0, begin, end),
          batch.rows->subset(at::arange(first_sequence, first_sequence + count, at::kLong)), batch.step};
}

}  // namespace strata
