#include "strata/report/table.h"

#include "strata/base/error.h"

namespace strata::report {

void validate(const Table& table) {
  for (const auto& row : table.rows) {
    if (row.size() > table.columns.size())
      fail("table '", table.caption, "': expected at most ", table.columns.size(), " cells in a row, found ",
           row.size());
  }
}

}  // namespace strata::report
