#pragma once

#include <string>

#include "strata/report/plot.h"
#include "strata/report/table.h"

namespace strata::report {

/// What the terminal offers.
struct Terminal {
  int width = 80;       // character cells in a line
  int height = 14;      // lines a drawing's frame may take
  bool colour = false;  // escape sequences are understood and wanted
};

/// What the file descriptor is: its width if it is a terminal (else $COLUMNS, else 80), and whether to colour: only on
/// a terminal that is not "dumb" and when NO_COLOR (no-color.org) is unset or empty.
Terminal this_terminal(int descriptor = 1);

/// The plot in UTF-8 characters: curves and clouds in braille dots, bars in blocks, heat maps as a table of numbers.
/// Without colour, points carry the letter of their series. Ends with a line break. Throws as render_svg does.
std::string terminal_plot(const Plot& plot, const Terminal& terminal = {});

/// The table with aligned columns, numbers flush right. Ends with a line break.
std::string terminal_table(const Table& table, const Terminal& terminal = {});

}  // namespace strata::report
