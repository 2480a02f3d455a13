#include "strata/report/terminal_plot.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "strata/report/sheet.h"
#include "strata/report/text.h"

namespace strata::report {
namespace {

// Near the palette's colours in the 256-colour set, readable on black and on white.
constexpr std::array<int, kPaletteSize> kAnsi{33, 208, 36, 169, 178, 74, 141, 245};
constexpr const char* kMuted = "\x1b[38;5;245m";
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kReset = "\x1b[0m";

std::string ansi(const Paint& paint) {
  if (paint.literal.empty()) return fmt::format("\x1b[38;5;{}m", kAnsi[paint.index]);
  const auto level = [&](int at) { return std::stoi(paint.literal.substr(at, 2), nullptr, 16) * 5 / 255; };
  return fmt::format("\x1b[38;5;{}m", 16 + 36 * level(1) + 6 * level(3) + level(5));
}

std::string styled(const std::string& style, const std::string& text, const Terminal& terminal) {
  return terminal.colour && !text.empty() ? style + text + kReset : text;
}

std::string repeat(std::string_view piece, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += piece;
  return out;
}

std::string padded(const std::string& text, int cells, bool flush_right = false) {
  const std::string spaces(std::max(0, cells - count_cells(text)), ' ');
  return flush_right ? spaces + text : text + spaces;
}

// Words of `text` in lines of at most `width` cells.
std::string paragraph(const std::string& text, const std::string& style, const Terminal& terminal) {
  std::string out, line;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (!line.empty() && count_cells(line) + 1 + count_cells(word) > terminal.width) {
      out += styled(style, line, terminal) + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    begin = end + 1;
  }
  return line.empty() ? out : out + styled(style, line, terminal) + "\n";
}

std::string letter(int series) {
  return std::string(1, static_cast<char>(series < 26 ? 'a' + series : 'A' + series % 26));
}

// One character cell of the frame: braille dots of the last series that touched it, or one character in its place.
struct CellDots {
  uint8_t dots = 0;
  int series = -1;
  std::string mark;
};

class Braille {
 public:
  Braille(int columns, int rows) : columns_(columns), rows_(rows), cells_(static_cast<size_t>(columns) * rows) {}
  // x and y in dots, from the top left.
  void dot(double x, double y, int series) {
    static constexpr uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    const int column = static_cast<int>(std::lround(x)), row = static_cast<int>(std::lround(y));
    if (column < 0 || row < 0 || column >= 2 * columns_ || row >= 4 * rows_) return;
    CellDots& cell = at(column / 2, row / 4);
    cell.dots |= bits[row % 4][column % 2];
    cell.series = series;
  }
  void line(double x0, double y0, double x1, double y1, int series) {
    const double reach = 4.0 * (columns_ + rows_);  // a segment far outside is cut short, not walked
    for (double* value : {&x0, &y0, &x1, &y1}) *value = std::clamp(*value, -reach, 2 * reach);
    const int steps = std::max(1, static_cast<int>(std::ceil(std::max(std::abs(x1 - x0), std::abs(y1 - y0)))));
    for (int i = 0; i <= steps; ++i) dot(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps, series);
  }
  void mark(double x, double y, int series, const std::string& character) {
    const int column = static_cast<int>(std::lround(x)) / 2, row = static_cast<int>(std::lround(y)) / 4;
    if (x < 0 || y < 0 || column >= columns_ || row >= rows_) return;
    at(column, row).series = series;
    at(column, row).mark = character;
  }
  CellDots& at(int column, int row) { return cells_[static_cast<size_t>(row) * columns_ + column]; }
  int columns() const { return columns_; }
  int rows() const { return rows_; }

 private:
  int columns_, rows_;
  std::vector<CellDots> cells_;
};

std::string braille_character(uint8_t dots) {
  // U+2800 + dots in UTF-8.
  return {static_cast<char>(0xE2), static_cast<char>(0xA0 | (dots >> 6)), static_cast<char>(0x80 | (dots & 0x3F))};
}

struct Series {
  std::string name;
  Paint paint;
};

std::string legend(const std::vector<Series>& series, bool letters, const Terminal& terminal) {
  std::string out, line;
  int cells = 0;
  for (size_t i = 0; i < series.size(); ++i) {
    if (series[i].name.empty()) continue;
    const std::string key = letters ? letter(static_cast<int>(i)) : "━━", name = printable(series[i].name);
    const int needed = count_cells(key) + 1 + count_cells(name);
    if (cells > 0 && cells + 3 + needed > terminal.width) {
      out += line + "\n";
      line.clear();
      cells = 0;
    }
    line += (cells > 0 ? "   " : "") + styled(ansi(series[i].paint), key, terminal) + " " + name;
    cells += (cells > 0 ? 3 : 0) + needed;
  }
  return line.empty() ? out : out + line + "\n";
}

std::string curves(const Plot& plot, const Terminal& terminal) {
  Extent across, up;
  int left_out = 0;
  std::vector<Series> series;
  const int count = static_cast<int>(plot.lines.size() + plot.scatters.size());
  const auto measure = [&](const std::string& name, int colour, const std::vector<double>& x,
                           const std::vector<double>& y) {
    series.push_back({name, series_paint(plot, colour, static_cast<int>(series.size()), count)});
    for (size_t i = 0; i < x.size(); ++i) {
      if (!drawable(x[i]) || !drawable(y[i])) {
        ++left_out;
        continue;
      }
      across.add(x[i]);
      up.add(y[i]);
    }
  };
  for (const auto& line : plot.lines) measure(line.name, line.colour, line.x, line.y);
  for (const auto& scatter : plot.scatters) measure(scatter.name, scatter.colour, scatter.x, scatter.y);
  if (across.empty) return "(no data)\n";
  for (const auto& reference : plot.references) up.add(reference.value);

  const int rows = std::clamp(terminal.height, 4, 200);
  const Ticks y_ticks = axis_ticks(plot.y, up, std::max(2, rows / 3), !plot.y.hidden);
  size_t label_cells = 0;
  std::vector<std::string> labels(rows);
  const double dots_down = 4.0 * rows - 1;
  const auto down = [&](double y) { return dots_down * (1 - (y - y_ticks.low) / (y_ticks.high - y_ticks.low)); };
  for (const double at : y_ticks.at) {
    if (plot.y.hidden) break;
    std::string& label = labels[std::clamp(static_cast<int>(down(at) / 4), 0, rows - 1)];
    label = format_tick(y_ticks, at);
    label_cells = std::max<size_t>(label_cells, count_cells(label));
  }
  const int columns = std::clamp(terminal.width - static_cast<int>(label_cells) - 2, 10, 400);
  const Ticks x_ticks = fitting_ticks(plot.x, across, 7.0 * columns, 11);  // a digit of that font is a cell of 7
  const double dots_across = 2.0 * columns - 1;
  const auto right = [&](double x) { return dots_across * (x - x_ticks.low) / (x_ticks.high - x_ticks.low); };

  Braille frame(columns, rows);
  const bool letters = !terminal.colour && count > 1;
  for (int s = count - 1; s >= 0; --s) {  // the first series on top
    const bool is_line = s < static_cast<int>(plot.lines.size());
    const auto& x = is_line ? plot.lines[s].x : plot.scatters[s - plot.lines.size()].x;
    const auto& y = is_line ? plot.lines[s].y : plot.scatters[s - plot.lines.size()].y;
    bool pen_down = false;
    for (size_t i = 0; i < x.size(); ++i) {
      if (!drawable(x[i]) || !drawable(y[i])) {
        pen_down = false;
        continue;
      }
      if (is_line && pen_down) frame.line(right(x[i - 1]), down(y[i - 1]), right(x[i]), down(y[i]), s);
      frame.dot(right(x[i]), down(y[i]), s);
      pen_down = true;
    }
    for (size_t i = 0; letters && i < x.size(); ++i)
      if (drawable(x[i]) && drawable(y[i])) frame.mark(right(x[i]), down(y[i]), s, letter(s));
  }
  for (const auto& reference : plot.references) {
    if (!drawable(reference.value)) continue;
    const int row = static_cast<int>(std::lround(down(reference.value))) / 4;
    for (int c = 0; row >= 0 && row < rows && c < columns; ++c)
      if (frame.at(c, row).series < 0) frame.at(c, row).mark = "┄";
  }

  std::string out;
  for (int r = 0; r < rows; ++r) {
    const char* edge = plot.y.hidden ? "" : labels[r].empty() ? "│" : "┤";
    out += styled(kMuted, padded(labels[r], static_cast<int>(label_cells), true) + edge, terminal);
    int painted = -2;
    std::string text, line;
    const auto flush = [&] {
      line += painted >= 0 ? styled(ansi(series[painted].paint), text, terminal) : styled(kMuted, text, terminal);
      text.clear();
    };
    for (int c = 0; c < columns; ++c) {
      const CellDots& cell = frame.at(c, r);
      if (cell.series != painted) flush();
      painted = cell.series;
      text += !cell.mark.empty() ? cell.mark : cell.dots != 0 ? braille_character(cell.dots) : " ";
    }
    while (text.ends_with(' ')) text.pop_back();
    flush();
    out += line + "\n";
  }
  if (!plot.x.hidden) {
    std::string axis, names;
    for (const double at : x_ticks.at) {
      const int column = std::clamp(static_cast<int>(std::lround(right(at))) / 2, 0, columns - 1);
      const std::string name = format_tick(x_ticks, at);
      axis += repeat("─", column - count_cells(axis)) + "┬";
      names = padded(names, std::max(0, column - count_cells(name) / 2 + static_cast<int>(label_cells) + 1));
      names += name;
    }
    axis += repeat("─", columns - count_cells(axis));
    out += styled(kMuted, std::string(label_cells, ' ') + (plot.y.hidden ? " " : "└") + axis, terminal) + "\n";
    out += styled(kMuted, names, terminal) + "\n";
    if (const std::string title = printable(axis_title(plot.x)); !title.empty())
      out += styled(kMuted,
                    std::string(std::max(0, static_cast<int>(label_cells) + (columns - count_cells(title)) / 2), ' ') +
                        title,
                    terminal) +
             "\n";
  }
  out += legend(series, letters, terminal);
  for (const auto& reference : plot.references)
    if (drawable(reference.value) && !reference.label.empty())
      out += styled(kMuted, "┄┄ " + printable(reference.label) + " (" + format_short(reference.value) + ")", terminal) +
             "\n";
  if (left_out > 0)
    out += fmt::format("{} {} not shown: not a finite number\n", left_out, left_out == 1 ? "value" : "values");
  return out;
}

std::string bar_blocks(double cells) {
  static constexpr std::array eighth_blocks{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::lround(cells * 8));
  return repeat("█", eighths / 8) + eighth_blocks[eighths % 8];
}

std::string bars(const Plot& plot, const Terminal& terminal) {
  const int series = static_cast<int>(plot.bars.size());
  double largest = plot.y.high.value_or(0);
  int category_cells = 0, name_cells = 0, value_cells = 0;
  const auto printed = [&](const Bars& one, size_t i) {
    std::string text = with_unit(format_fixed(one.value[i], plot.decimals), plot.y.unit);
    if (!one.low.empty() && drawable(one.low[i]) && drawable(one.high[i]))
      text +=
          fmt::format(" ({} to {})", format_fixed(one.low[i], plot.decimals), format_fixed(one.high[i], plot.decimals));
    return text;
  };
  for (const auto& category : plot.categories)
    category_cells = std::max(category_cells, count_cells(printable(category)));
  for (const auto& one : plot.bars) {
    if (series > 1) name_cells = std::max(name_cells, count_cells(printable(one.name)));
    for (size_t i = 0; i < one.value.size(); ++i) {
      value_cells = std::max(value_cells, count_cells(printed(one, i)));
      if (drawable(one.value[i])) largest = std::max(largest, std::abs(one.value[i]));
    }
  }
  const int room = std::max(8, terminal.width - category_cells - name_cells - value_cells - 4);
  std::string out;
  for (size_t i = 0; i < plot.categories.size(); ++i) {
    for (int s = 0; s < series; ++s) {
      const Bars& one = plot.bars[s];
      out += padded(s == 0 ? printable(plot.categories[i]) : "", category_cells + 1);
      if (series > 1) out += styled(kMuted, padded(printable(one.name), name_cells + 1), terminal);
      if (drawable(one.value[i])) {
        // Below zero a light bar: the length alone cannot say it.
        const double length = largest > 0 ? std::abs(one.value[i]) / largest * room : 0;
        const std::string bar =
            one.value[i] < 0 ? repeat("░", static_cast<int>(std::lround(length))) : bar_blocks(length);
        out += styled(ansi(series_paint(plot, one.colour, s, series)), bar, terminal) + " ";
      }
      out += printed(one, i) + "\n";
    }
  }
  return out;
}

std::string heat(const Plot& plot, const HeatMap& map, const Terminal& terminal) {
  Table table;
  table.columns.push_back({"", false});
  for (const auto& name : map.columns) table.columns.push_back({name, true});
  for (size_t r = 0; r < map.rows.size(); ++r) {
    std::vector<Cell> row{map.rows[r]};
    for (size_t c = 0; c < map.columns.size(); ++c) {
      const double value = map.values[r * map.columns.size() + c];
      row.emplace_back(drawable(value) ? format_fixed(value, map.decimals) : "");
    }
    table.rows.push_back(std::move(row));
  }
  table.caption = axis_title({.label = map.label, .unit = map.unit});
  if (!plot.y.label.empty() && !plot.x.label.empty())
    table.caption += "; rows: " + plot.y.label + ", columns: " + plot.x.label;
  return terminal_table(table, terminal);
}

}  // namespace

Terminal this_terminal(int descriptor) {
  Terminal terminal;
  winsize size{};
  const bool is_terminal = isatty(descriptor) == 1;
  if (is_terminal && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = size.ws_col;
  } else if (const char* columns = std::getenv("COLUMNS"); columns != nullptr) {
    std::from_chars(columns, columns + std::strlen(columns), terminal.width);
  }
  terminal.width = std::clamp(terminal.width, 20, 1000);
  const char* refused = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  terminal.colour =
      is_terminal && (refused == nullptr || *refused == '\0') && kind != nullptr && std::strcmp(kind, "dumb") != 0;
  return terminal;
}

std::string terminal_plot(const Plot& plot, const Terminal& terminal) {
  validate(plot);
  std::string out =
      paragraph(printable(plot.title), kBold, terminal) + paragraph(printable(plot.subtitle), kMuted, terminal);
  if (plot.heat) return out + heat(plot, *plot.heat, terminal);
  if (!plot.bars.empty()) return out + bars(plot, terminal);
  if (const std::string title = printable(axis_title(plot.y)); !title.empty() && !plot.y.hidden)
    out += styled(kMuted, title, terminal) + "\n";
  return out + curves(plot, terminal);
}

std::string terminal_table(const Table& table, const Terminal& terminal) {
  validate(table);
  const size_t columns = table.columns.size();
  std::vector<int> widths(columns);
  for (size_t c = 0; c < columns; ++c) widths[c] = count_cells(printable(table.columns[c].heading));
  for (const auto& row : table.rows)
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], count_cells(printable(row[c].text)));
  std::string out, rule;
  for (size_t c = 0; c < columns; ++c) {
    const std::string gap = c == 0 ? "" : "  ";
    out +=
        gap + styled(kBold, padded(printable(table.columns[c].heading), widths[c], table.columns[c].numeric), terminal);
    rule += gap + repeat("─", widths[c]);
  }
  out += "\n" + styled(kMuted, rule, terminal) + "\n";
  for (const auto& row : table.rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string cell = padded(printable(row[c].text), widths[c], table.columns[c].numeric);
      line += (c == 0 ? "" : "  ") + (row[c].strong ? styled(kBold, cell, terminal) : cell);
    }
    while (line.ends_with(' ')) line.pop_back();
    out += line + "\n";
  }
  return out + paragraph(printable(table.caption), kMuted, terminal);
}

}  // namespace strata::report
