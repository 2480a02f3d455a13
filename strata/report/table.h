#pragma once

#include <string>
#include <vector>

namespace strata::report {

/// A column's heading; columns of numbers are set flush right with digits of one width.
struct Column {
  std::string heading;
  bool numeric = false;
};

/// One entry, as text (format_measured and friends print numbers); strong entries stand out.
struct Cell {
  Cell(std::string text_of_cell, bool is_strong = false)
      : text(std::move(text_of_cell)), strong(is_strong) {}  // NOLINT: plain text is a cell
  Cell(const char* text_of_cell) : text(text_of_cell) {}     // NOLINT
  std::string text;
  bool strong = false;
};

/// Rows may be shorter than the columns (the rest stays empty), not longer.
struct Table {
  std::string caption;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

/// Throws Error when a row has more cells than there are columns.
void validate(const Table& table);

}  // namespace strata::report
