#pragma once

#include <initializer_list>
#include <iostream>
#include <string>
#include <vector>

#include "strata/report/terminal_plot.h"

namespace strata::cli {

/// Prints a table on standard output; a heading that begins with # stands over a column of numbers.
inline void print_table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows) {
  report::Table table;
  for (const auto& heading : headings)
    table.columns.push_back({heading.starts_with("#") ? heading.substr(1) : heading, heading.starts_with("#")});
  for (const auto& row : rows) table.rows.emplace_back(row.begin(), row.end());
  std::cout << report::terminal_table(table, report::this_terminal());
}

}  // namespace strata::cli
