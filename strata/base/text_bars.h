#pragma once

#include <string>
#include <vector>

namespace strata {

/// One bar of a plot for terminals; a label may be empty to belong to the one above.
struct TextBar {
  std::string label;
  double value = 0;  // 0..1
  std::string text;  // behind the bar
};

/// One line per bar, `width` cells for a value of 1, in eighths of a cell where the terminal shows UTF-8.
std::string text_bars(const std::vector<TextBar>& bars, int width = 40);

}  // namespace strata
