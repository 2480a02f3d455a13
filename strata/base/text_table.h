#pragma once

#include <string>
#include <vector>

namespace strata {

/// Lines of a table for terminals: columns as wide as their widest cell, two spaces between them; columns whose cells
/// below the heading all begin like numbers are set flush right. Rows may be shorter than the heading, which is
/// empty when there is none. Control characters print as question marks.
std::string text_table(const std::vector<std::string>& heading, const std::vector<std::vector<std::string>>& rows);

}  // namespace strata
