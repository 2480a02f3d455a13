#include "strata/ops/rows.h"

#include "strata/base/error.h"

namespace strata {

int64_t Rows::begin(int64_t s) const {
  return ragged() ? offsets.const_data_ptr<int64_t>()[s] : s * length;
}

Tensor Rows::sequence_of_row() const {
  if (!ragged()) return at::arange(sequences, at::kLong).repeat_interleave(length);
  return at::repeat_interleave(at::arange(sequences, at::kLong), offsets.diff());
}

Tensor Rows::rows_of(const Tensor& chosen) const {
  if (!ragged()) return (chosen.unsqueeze(1) * length + at::arange(length, at::kLong)).flatten();
  std::vector<Tensor> pieces;
  pieces.reserve(chosen.numel());
  for (int64_t i = 0; i < chosen.numel(); ++i) {
    const int64_t s = chosen.const_data_ptr<int64_t>()[i];
    pieces.push_back(at::arange(begin(s), begin(s + 1), at::kLong));
  }
  return pieces.empty() ? at::empty({0}, at::kLong) : at::cat(pieces);
}

RowsPtr Rows::subset(const Tensor& chosen) const {
  auto result = std::make_shared<Rows>();
  result->sequences = chosen.numel();
  result->length = length;
  result->count = chosen.numel() * length;
  if (ragged()) {
    const auto lengths = offsets.diff().index_select(0, chosen);
    result->offsets = at::cat({at::zeros({1}, at::kLong), lengths.cumsum(0)});
    result->count = result->offsets[-1].item<int64_t>();
  }
  if (positions.defined()) result->positions = positions.index_select(0, rows_of(chosen).to(positions.device()));
  return result;
}

Tensor positions_of(const Rows& rows) {
  if (rows.positions.defined()) return rows.positions;
  if (!rows.ragged()) return at::arange(rows.length, at::kLong).repeat({rows.sequences});
  const Tensor starts = rows.offsets.slice(0, 0, rows.sequences);
  return at::arange(rows.count, at::kLong) - at::repeat_interleave(starts, rows.offsets.diff());
}

RowsPtr equal_rows(int64_t sequences, int64_t length) {
  if (sequences < 0 || length < 1)
    fail("rows: expected at least one row in each sequence, got ", sequences, " sequences of ", length);
  auto rows = std::make_shared<Rows>();
  rows->count = sequences * length;
  rows->sequences = sequences;
  rows->length = length;
  return rows;
}

RowsPtr ragged_rows(const std::vector<int64_t>& lengths) {
  bool equal = !lengths.empty() && lengths[0] > 0;
  std::vector<int64_t> offsets{0};
  for (const int64_t length : lengths) {
    if (length < 0) fail("rows: a sequence cannot have ", length, " rows");
    equal = equal && length == lengths[0];
    offsets.push_back(offsets.back() + length);
  }
  if (equal) return equal_rows(static_cast<int64_t>(lengths.size()), lengths[0]);
  auto rows = std::make_shared<Rows>();
  rows->count = offsets.back();
  rows->sequences = static_cast<int64_t>(lengths.size());
  rows->offsets = at::tensor(offsets, at::kLong);
  return rows;
}

Rows rows_at(const char* who, const Tensor& offsets, int64_t count) {
  if (offsets.dim() != 1 || offsets.size(0) < 1 || offsets.scalar_type() != at::kLong || !offsets.is_cpu())
    fail(who, ": expected offsets [sequences + 1] of type int64 on the CPU, got ", offsets.sizes(), " of type ",
         c10::toString(offsets.scalar_type()));
  Rows rows;
  rows.count = count;
  rows.sequences = offsets.size(0) - 1;
  rows.offsets = offsets.contiguous();
  const int64_t* const starts = rows.offsets.const_data_ptr<int64_t>();
  bool fits = starts[0] == 0 && starts[rows.sequences] == count;
  for (int64_t s = 0; s < rows.sequences && fits; ++s) fits = starts[s] <= starts[s + 1];
  if (!fits)
    fail(who, ": expected offsets that ascend from 0 to ", count, ", the number of rows, got ", starts[0], " to ",
         starts[rows.sequences], " in ", rows.sequences, " sequences");
  return rows;
}

RowsPtr continued_rows(const std::vector<int64_t>& lengths, const std::vector<int64_t>& seen) {
  if (lengths.size() != seen.size())
    fail("rows: expected for each of ", lengths.size(), " sequences how many rows were seen, got ", seen.size());
  auto rows = std::make_shared<Rows>(*ragged_rows(lengths));
  rows->positions =
      positions_of(*rows) + at::repeat_interleave(at::tensor(seen, at::kLong), at::tensor(lengths, at::kLong));
  return rows;
}

}  // namespace strata
