#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "strata/report/sheet.h"
#include "strata/report/text.h"

namespace strata::report {
namespace {

// Position of a value on the colour scale, and that position's colour.
struct Scale {
  double low, high;
  std::optional<double> centre;
  std::string colour(double value) const {
    if (!centre) return sequential_colour(high > low ? (value - low) / (high - low) : 0.5);
    const double reach = std::max({high - *centre, *centre - low, 1e-300});
    return diverging_colour(std::clamp((value - *centre) / reach, -1.0, 1.0));
  }
};

void draw_scale(const HeatMap& heat, const Scale& scale, Sheet& sheet) {
  constexpr int steps = 40;
  const std::string low = format_fixed(scale.low, heat.decimals), high = format_fixed(scale.high, heat.decimals);
  const std::string title = axis_title({.label = heat.label, .unit = heat.unit});
  const double y = sheet.top, bar = std::min(180.0, sheet.width * 0.36);
  double x = sheet.margin;
  sheet.text(x, y + 10, Anchor::start, sheet.font, "muted", low);
  x += text_width(low, sheet.font) + 6;
  for (int i = 0; i < steps; ++i) {
    const double value = scale.low + (i + 0.5) / steps * (scale.high - scale.low);
    sheet.out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"12\" fill=\"{}\"/>\n",
                             px(x + bar * i / steps), px(y), px(bar / steps + 0.4), scale.colour(value));
  }
  x += bar + 6;
  sheet.text(x, y + 10, Anchor::start, sheet.font, "muted", high);
  x += text_width(high, sheet.font) + 14;
  sheet.top += 12 + sheet.font * 0.8;
  if (title.empty()) return;
  if (x + text_width(title, sheet.font) <= sheet.width - sheet.margin) {
    sheet.text(x, y + 10, Anchor::start, sheet.font, "muted", title);
  } else {
    sheet.text(sheet.margin, sheet.top + sheet.font * 0.8, Anchor::start, sheet.font, "muted",
               shorten_text(title, sheet.font, sheet.width - 2 * sheet.margin));
    sheet.top += sheet.font * 1.5;
  }
}

}  // namespace

void draw_heat(const Plot& plot, const HeatMap& heat, Sheet& sheet) {
  const auto rows = static_cast<int>(heat.rows.size()), columns = static_cast<int>(heat.columns.size());
  Extent extent;
  for (const double value : heat.values) extent.add(value);
  if (extent.empty) {
    sheet.text(sheet.width / 2, sheet.top + 60, Anchor::middle, sheet.font * 1.1, "muted", "no data");
    sheet.top += 120;
    return;
  }
  const Scale scale{heat.low.value_or(extent.low), heat.high.value_or(extent.high), heat.centre};
  draw_scale(heat, scale, sheet);

  double row_label = 0, column_label = 0, value_width = 0;
  for (const auto& name : heat.rows) row_label = std::max(row_label, text_width(name, sheet.font));
  for (const auto& name : heat.columns) column_label = std::max(column_label, text_width(name, sheet.font));
  for (const double value : heat.values)
    if (drawable(value)) value_width = std::max(value_width, text_width(format_fixed(value, heat.decimals), 1));
  row_label = std::min(row_label, sheet.width * 0.3);
  if (const std::string title = axis_title(plot.y); !title.empty()) {
    sheet.text(sheet.margin, sheet.top + sheet.font, Anchor::start, sheet.font, "muted",
               shorten_text(title, sheet.font, sheet.width - 2 * sheet.margin));
    sheet.top += sheet.font * 1.6;
  }
  const double left = sheet.margin + row_label + 8;
  const double cell_width =
      std::min((sheet.width - sheet.margin - left) / columns, sheet.size == Size::narrow ? 56.0 : 84.0);
  const double cell_height = std::clamp(cell_width, 6.0, sheet.size == Size::narrow ? 34.0 : 40.0);
  const double seam = cell_width > 12 ? 1.5 : 0;  // a thin gap between cells
  const double value_font = std::min({sheet.font, (cell_width - 5) / value_width, cell_height * 0.5});
  const double top = sheet.top, bottom = top + rows * cell_height;
  // Crowded names are thinned to every second, fifth, ...
  const int row_step = std::max(1, static_cast<int>(std::ceil(sheet.font * 1.15 / cell_height)));
  const int column_step = std::max(1, static_cast<int>(std::ceil((column_label + 5) / cell_width)));

  for (int r = 0; r < rows; ++r) {
    const double y = top + r * cell_height;
    if (r % row_step == 0)
      sheet.text(left - 8, y + cell_height / 2 + sheet.font * 0.36, Anchor::end, sheet.font, "muted",
                 shorten_text(heat.rows[r], sheet.font, row_label));
    for (int c = 0; c < columns; ++c) {
      const double value = heat.values[static_cast<size_t>(r) * columns + c], x = left + c * cell_width;
      const std::string place = heat.rows[r] + ", " + heat.columns[c];
      if (!drawable(value)) {
        sheet.out += fmt::format(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" class=\"grid-line\"><title>{}: no "
            "value</title></rect>\n",
            px(x + 0.5), px(y + 0.5), px(cell_width - seam - 1), px(cell_height - seam - 1), escape_markup(place));
        continue;
      }
      const std::string colour = scale.colour(value), printed = format_fixed(value, heat.decimals);
      sheet.out +=
          fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{}: {}</title></rect>\n",
                      px(x), px(y), px(cell_width - seam), px(cell_height - seam), colour, escape_markup(place),
                      escape_markup(with_unit(printed, heat.unit)));
      if (value_font >= 8)
        sheet.out += fmt::format(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"middle\" fill=\"{}\" "
            "pointer-events=\"none\">{}</text>\n",
            px(x + (cell_width - seam) / 2), px(y + (cell_height - seam) / 2 + value_font * 0.36), px(value_font),
            wants_dark_text(colour) ? "#14171c" : "#ffffff", printed);
    }
  }
  for (int c = 0; c < columns; c += column_step)
    sheet.text(left + (c + 0.5) * cell_width, bottom + 4 + sheet.font, Anchor::middle, sheet.font, "muted",
               heat.columns[c]);
  sheet.top = bottom + sheet.font * 1.7;
  sheet.axis_title(left + columns * cell_width / 2, axis_title(plot.x));
}

}  // namespace strata::report
