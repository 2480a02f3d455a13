#pragma once

#include <array>
#include <memory>

#include "strata/base/config.h"
#include "strata/data/text.h"
#include "strata/ops/rows.h"

namespace strata {

/// How a batch is cut from the text.
///   windows    `batch` stretches of `context` tokens, wherever they begin: documents follow on one another
///   packed     the same stretches, cut where a document ends: each piece is a sequence that sees only itself
///   documents  `batch` documents, or parts of at most `context` tokens where they are longer
enum class Packing { windows, packed, documents };

inline auto enum_names(Packing) {
  return std::array{EnumName{"windows", Packing::windows}, EnumName{"packed", Packing::packed},
                    EnumName{"documents", Packing::documents}};
}

struct TextBatch {
  Tensor tokens;   // int64 [rows]
  Tensor targets;  // int64 [rows]: the token that follows, or -100 where it is not learned
  RowsPtr rows;    // a sequence for each piece; no padding
  int64_t step = 0;

  int64_t sequences() const { return rows->sequences; }
};

struct TextBatching {
  Packing packing = Packing::windows;
  int64_t context = 256;
  int64_t batch = 8;
  uint64_t seed = 0;
};

/// The batches of a set, one for each step: a pure function of set, batching and step. Stretches (or parts) of all
/// epochs stand in one long line, each epoch in a random order of its own and, for stretches, moved by a random number
/// of tokens; step s takes places s * batch .. (s + 1) * batch - 1. Each is shown once an epoch. Safe from several threads.
class TextBatches {
 public:
  /// Throws Error when the set has too few tokens, or none that is learned.
  TextBatches(TextSet set, const TextBatching& batching);
  ~TextBatches();
  TextBatches(TextBatches&&) noexcept;

  TextBatch at(int64_t step) const;
  /// Stretches or parts in an epoch.
  int64_t count() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Some sequences of a batch: a piece of it in gradient accumulation.
TextBatch slice(const TextBatch& batch, int64_t first_sequence, int64_t count);

}  // namespace strata
