#include "strata/report/terminal_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "strata/base/error.h"
#include "tests/report/samples.h"

namespace strata::report {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(TerminalPlot, StaysInsideTheTerminal) {
  for (const int width : {40, 80, 132}) {
    for (const Plot& plot :
         {samples::missing_blocks(), samples::order_distance(), samples::block_map(true), samples::exits()}) {
      const std::string text = terminal_plot(plot, {.width = width, .height = 12});
      EXPECT_TRUE(text.ends_with('\n'));
      for (const auto& line : lines_of(text)) EXPECT_LE(count_cells(line), width) << line;
    }
  }
  for (const auto& line : lines_of(terminal_plot(samples::comparison(), {.width = 80})))
    EXPECT_LE(count_cells(line), 80) << line;
}

TEST(TerminalPlot, DrawsADiagonal) {
  Plot plot;
  plot.x.hidden = plot.y.hidden = true;
  plot.lines = {{.name = "", .x = {0, 1}, .y = {0, 1}}};
  // 2 x 4 dots a cell: 20 columns are 40 dots, 10 lines are 40 dots, so the diagonal crosses two columns a line.
  const auto lines = lines_of(terminal_plot(plot, {.width = 22, .height = 10}));
  ASSERT_EQ(lines.size(), 10U);
  for (int row = 0; row < 10; ++row) EXPECT_EQ(count_cells(lines[row]), 20 - 2 * row) << lines[row];
  EXPECT_THAT(lines[9], HasSubstr("⡠"));
}

TEST(TerminalPlot, ColourOnlyWhenAsked) {
  for (const Plot& plot :
       {samples::missing_blocks(), samples::comparison(), samples::pairs(4), samples::block_map(false)}) {
    EXPECT_THAT(terminal_plot(plot), Not(HasSubstr("\x1b")));
    EXPECT_THAT(terminal_plot(plot, {.colour = true}), HasSubstr("\x1b[38;5;"));
  }
  EXPECT_THAT(terminal_plot(samples::missing_blocks()), HasSubstr("a plain   b LayerDrop"));
  EXPECT_THAT(terminal_table(samples::summary()), Not(HasSubstr("\x1b")));
}

TEST(TerminalPlot, ObeysNoColorAndColumns) {
  // Under a test the output may be a terminal or not; what must hold either way is that NO_COLOR wins.
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(this_terminal().colour);
  unsetenv("NO_COLOR");
  setenv("COLUMNS", "97", 1);
  EXPECT_EQ(this_terminal(-1).width, 97);
  setenv("COLUMNS", "99999999999999999999", 1);
  EXPECT_EQ(this_terminal(-1).width, 80);
  setenv("COLUMNS", "-5", 1);
  EXPECT_EQ(this_terminal(-1).width, 20);
  unsetenv("COLUMNS");
  EXPECT_FALSE(this_terminal(-1).colour);
}

TEST(TerminalPlot, OddValuesAndNames) {
  constexpr double max = std::numeric_limits<double>::max();
  Plot plot;
  EXPECT_THAT(terminal_plot(plot), HasSubstr("(no data)"));
  plot.lines = {{.name = "bell\a \x1b[2J", .x = {0, 1, 2, 3}, .y = {1, NAN, max, 1e300}}};
  const std::string text = terminal_plot(plot);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\a")));
  EXPECT_THAT(text, HasSubstr("2 values not shown"));
  plot.y.low = 0;
  plot.y.high = 1;
  EXPECT_FALSE(terminal_plot(plot).empty());  // a curve that leaves fixed limits by far
  Plot bars;
  bars.categories = {"x", "y"};
  bars.bars = {{.name = "b", .value = {-3, NAN}}};
  EXPECT_THAT(terminal_plot(bars), HasSubstr("−3.0"));
  EXPECT_THROW(terminal_plot({.lines = {{.name = "a", .x = {1}, .y = {}}}}), Error);
}

TEST(TerminalTable, AlignsColumns) {
  Table table;
  table.columns = {{"model"}, {"accuracy", true}};
  table.rows = {{"plain", "83.0 ± 0.4"}, {"τ", "5"}, {"short row"}};
  table.caption = "a caption";
  EXPECT_EQ(terminal_table(table),
            "model        accuracy\n"
            "─────────  ──────────\n"
            "plain      83.0 ± 0.4\n"
            "τ                   5\n"
            "short row\n"
            "a caption\n");
  table.rows.push_back({"a", "b", "c"});
  EXPECT_THROW(terminal_table(table), Error);
}

}  // namespace
}  // namespace strata::report
