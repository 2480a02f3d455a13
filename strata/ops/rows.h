#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace strata {

using at::Tensor;

/// How the rows of a track form sequences (documents, images, graphs). Immutable and shared by the tracks that have the
/// same rows.
struct Rows {
  int64_t count = 0;      // rows in all
  int64_t sequences = 0;  // sequences, images, documents or graphs
  int64_t length = 0;     // > 0: every sequence has this many rows; 0: ragged, see offsets
  Tensor offsets;  // [sequences + 1] int64 on the CPU: sequence s owns rows offsets[s] .. offsets[s + 1] - 1; undefined
                   // when length > 0
  Tensor positions;  // [rows] int64: place of a row in its sequence; undefined: counted from 0

  bool ragged() const { return length == 0; }
  /// First row of sequence s (s = sequences gives the number of rows).
  int64_t begin(int64_t s) const;
  /// [rows] int64: the sequence each row belongs to.
  Tensor sequence_of_row() const;
  /// The rows of some sequences, in the order given: [rows kept] int64. `chosen` is [n] int64 on the CPU.
  Tensor rows_of(const Tensor& chosen) const;
  /// The layout those rows have on their own.
  std::shared_ptr<const Rows> subset(const Tensor& chosen) const;
};
using RowsPtr = std::shared_ptr<const Rows>;

/// The place of each row in its sequence, counted from 0 where `rows` does not say: [rows] int64.
Tensor positions_of(const Rows& rows);

/// `sequences` sequences of `length` rows each.
RowsPtr equal_rows(int64_t sequences, int64_t length);
/// One sequence for each length; equal lengths give the fast layout.
RowsPtr ragged_rows(const std::vector<int64_t>& lengths);
/// Sequences by the first row of each and the end of the last: offsets [sequences + 1] int64 on the CPU. Throws Error in
/// the name of `who` unless they ascend from 0 to `count`.
Rows rows_at(const char* who, const Tensor& offsets, int64_t count);
/// Those of lengths, for rows that go on where earlier ones ended: sequence s begins at place seen[s].
RowsPtr continued_rows(const std::vector<int64_t>& lengths, const std::vector<int64_t>& seen);

}  // namespace strata
