#include "strata/report/plot.h"

#include <fmt/format.h>

#include <algorithm>

#include "strata/base/error.h"
#include "strata/report/sheet.h"
#include "strata/report/text.h"

namespace strata::report {
namespace {

std::string range_sentence(const std::string& name, const std::vector<double>& values) {
  Extent extent;
  for (const double value : values) extent.add(value);
  const std::string who = name.empty() ? "values" : name;
  if (extent.empty) return " " + who + ": no values.";
  if (extent.low == extent.high) return fmt::format(" {}: {}.", who, format_short(extent.low));
  return fmt::format(" {}: {} to {}.", who, format_short(extent.low), format_short(extent.high));
}

}  // namespace

void validate(const Plot& plot) {
  const int kinds = static_cast<int>(!plot.lines.empty() || !plot.scatters.empty()) +
                    static_cast<int>(!plot.bars.empty()) + static_cast<int>(plot.heat.has_value());
  if (kinds > 1)
    fail("plot '", plot.title, "': curves, bars and a heat map cannot share one drawing; make one plot of each");
  for (const auto& line : plot.lines) {
    expect_length(plot, line.name, "y", line.y.size(), line.x.size(), false);
    expect_length(plot, line.name, "low", line.low.size(), line.x.size(), true);
    expect_length(plot, line.name, "high", line.high.size(), line.low.size(), false);
  }
  for (const auto& scatter : plot.scatters) {
    expect_length(plot, scatter.name, "y", scatter.y.size(), scatter.x.size(), false);
    expect_length(plot, scatter.name, "tips", scatter.tips.size(), scatter.x.size(), true);
  }
  for (const auto& bars : plot.bars) {
    expect_length(plot, bars.name, "value", bars.value.size(), plot.categories.size(), false);
    expect_length(plot, bars.name, "low", bars.low.size(), plot.categories.size(), true);
    expect_length(plot, bars.name, "high", bars.high.size(), bars.low.size(), false);
  }
  if (plot.heat) {
    expect_length(plot, plot.heat->label, "values", plot.heat->values.size(),
                  plot.heat->rows.size() * plot.heat->columns.size(), false);
  }
}

std::string render_svg(const Plot& plot, Size size, Theme theme) {
  validate(plot);
  Sheet sheet;
  sheet.size = size;
  const bool narrow = size == Size::narrow;
  sheet.width = size == Size::wide ? 760 : size == Size::half ? 520 : 360;
  sheet.margin = narrow ? 10 : 16;
  sheet.font = narrow ? 12 : 12.5;
  sheet.top = narrow ? 8 : 12;
  const double room = sheet.width - 2 * sheet.margin;

  const double title_font = narrow ? 14.5 : 16.5;
  if (!plot.title.empty()) {
    for (const auto& line : wrap_text(plot.title, title_font * 1.13, room)) {
      sheet.text(sheet.margin, sheet.top + title_font, Anchor::start, title_font, "ink", line, true);
      sheet.top += title_font * 1.3;
    }
  }
  if (!plot.subtitle.empty()) {
    for (const auto& line : wrap_text(plot.subtitle, sheet.font, room)) {
      sheet.text(sheet.margin, sheet.top + sheet.font * 1.15, Anchor::start, sheet.font, "muted", line);
      sheet.top += sheet.font * 1.35;
    }
  }
  sheet.top += sheet.font * 0.7;

  if (plot.heat) {
    draw_heat(plot, *plot.heat, sheet);
  } else if (!plot.bars.empty()) {
    draw_bars(plot, sheet);
  } else {
    draw_curves(plot, sheet);
  }
  if (sheet.left_out > 0) {
    const std::string note = sheet.left_out == 1
                                 ? std::string("1 value is not a finite number and is not shown.")
                                 : fmt::format("{} values are not finite numbers and are not shown.", sheet.left_out);
    for (const auto& line : wrap_text(note, sheet.font * 0.92, room)) {
      sheet.text(sheet.margin, sheet.top + sheet.font, Anchor::start, sheet.font * 0.92, "muted", line);
      sheet.top += sheet.font * 1.4;
    }
  }
  const std::string height = px(sheet.top + sheet.margin * 0.6);
  const std::string alone =
      theme == Theme::page ? ""
                           : fmt::format("<style>{}</style>\n<rect width=\"{}\" height=\"{}\" class=\"surface\"/>\n",
                                         drawing_css(theme), px(sheet.width), height);
  const char* name_space = theme == Theme::page ? "" : " xmlns=\"http://www.w3.org/2000/svg\"";
  return fmt::format("<svg{} class=\"drawing\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{}{}</svg>\n",
                     name_space, px(sheet.width), height, escape_markup(describe(plot)), alone, sheet.out);
}

std::string describe(const Plot& plot) {
  std::string out = plot.title;
  if (out.empty()) out = "Untitled";
  if (!out.ends_with('.')) out += ".";
  if (plot.heat) {
    out += fmt::format(" Heat map of {} rows and {} columns.", plot.heat->rows.size(), plot.heat->columns.size());
    return out + range_sentence(plot.heat->label, plot.heat->values);
  }
  constexpr size_t told_series = 6;
  const size_t total = plot.lines.size() + plot.scatters.size() + plot.bars.size();
  const std::string x = axis_title(plot.x), y = axis_title(plot.y);
  if (!plot.bars.empty()) {
    out += fmt::format(" Bar chart{} of {} categories.", y.empty() ? "" : " of " + y + " ", plot.categories.size());
  } else if (!y.empty() && !x.empty()) {
    out += fmt::format(" {} of {} against {}.", plot.lines.empty() ? "Scatter chart" : "Line chart", y, x);
  } else {
    out += plot.lines.empty() ? " Scatter chart." : " Line chart.";
  }
  size_t told = 0;
  for (const auto& line : plot.lines) {
    if (told++ < told_series) out += range_sentence(line.name, line.y);
  }
  for (const auto& bars : plot.bars) {
    if (told++ < told_series) out += range_sentence(bars.name, bars.value);
  }
  for (const auto& scatter : plot.scatters) {
    if (told++ < told_series)
      out += fmt::format(" {}: {} points.", scatter.name.empty() ? "values" : scatter.name, scatter.x.size());
  }
  if (total > told_series) out += fmt::format(" And {} more series.", total - told_series);
  return out;
}

}  // namespace strata::report
