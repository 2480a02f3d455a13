#include <fmt/format.h>

#include <algorithm>

#include "strata/report/sheet.h"
#include "strata/report/text.h"

namespace strata::report {

// Bars lie on their side, so that names of any length stay readable on a phone.
void draw_bars(const Plot& plot, Sheet& sheet) {
  const bool narrow = sheet.size == Size::narrow;
  const int series = static_cast<int>(plot.bars.size());
  Extent extent;
  extent.add(0);
  std::vector<LegendEntry> entries;
  double value_room = 0, negative_room = 0;
  for (int s = 0; s < series; ++s) {
    const Bars& bars = plot.bars[s];
    if (series > 1 && !bars.name.empty())
      entries.push_back({bars.name, series_paint(plot, bars.colour, s, series), LegendEntry::Mark::box, 0});
    for (size_t i = 0; i < bars.value.size(); ++i) {
      if (!drawable(bars.value[i])) {
        ++sheet.left_out;
        continue;
      }
      extent.add(bars.value[i]);
      if (!bars.low.empty()) {
        extent.add(bars.low[i]);
        extent.add(bars.high[i]);
      }
      double& room = bars.value[i] < 0 ? negative_room : value_room;
      room = std::max(room, text_width(format_fixed(bars.value[i], plot.decimals), sheet.font) + 8);
    }
  }
  for (const auto& reference : plot.references) extent.add(reference.value);
  sheet.legend(entries);

  double label_width = 0;
  for (const auto& category : plot.categories) label_width = std::max(label_width, text_width(category, sheet.font));
  const bool beside = label_width <= sheet.width * (narrow ? 0.22 : 0.3);
  const double left = sheet.margin + (beside ? label_width + 10 : 2) + negative_room;
  const double right = sheet.width - sheet.margin - value_room;
  const double bar = narrow ? 14 : 16, gap = narrow ? 12 : 14;
  const double group = series * (bar + 3) - 3 + gap + (beside ? 0 : sheet.font * 1.4);
  const bool reference_names =
      std::any_of(plot.references.begin(), plot.references.end(), [](const auto& r) { return !r.label.empty(); });
  const double top = sheet.top + (reference_names ? sheet.font * 1.5 : 4),
               bottom = top + group * plot.categories.size();

  const Ticks ticks = fitting_ticks(plot.y, extent, right - left, sheet.font);
  const auto across = [&](double value) {
    return std::clamp(left + (value - ticks.low) / (ticks.high - ticks.low) * (right - left), left - 2, right + 2);
  };
  for (const double at : ticks.at) {
    sheet.line(across(at), top, across(at), bottom, "grid-line", 1, "shape-rendering=\"crispEdges\"");
    sheet.text(across(at), bottom + 4 + sheet.font, Anchor::middle, sheet.font, "muted", format_tick(ticks, at));
  }
  for (const auto& reference : plot.references) {
    if (!drawable(reference.value)) continue;
    const double x = across(reference.value), half = text_width(reference.label, sheet.font * 0.95) / 2;
    sheet.line(x, top - 2, x, bottom, "muted-line", 1.25, "stroke-dasharray=\"5 4\"");
    sheet.text(std::clamp(x, sheet.margin + half, std::max(sheet.margin + half, sheet.width - sheet.margin - half)),
               top - 6, Anchor::middle, sheet.font * 0.95, "muted",
               shorten_text(reference.label, sheet.font * 0.95, sheet.width - 2 * sheet.margin));
  }
  const double zero = across(0);
  for (size_t i = 0; i < plot.categories.size(); ++i) {
    double y = top + group * i + gap / 2;
    if (beside) {
      sheet.text(sheet.margin + label_width, y + (group - gap) / 2 + sheet.font * 0.36, Anchor::end, sheet.font, "ink",
                 plot.categories[i]);
    } else {
      sheet.text(left - negative_room, y + sheet.font * 0.9, Anchor::start, sheet.font, "ink halo",
                 shorten_text(plot.categories[i], sheet.font, sheet.width - 2 * sheet.margin));
      y += sheet.font * 1.4;
    }
    for (int s = 0; s < series; ++s, y += bar + 3) {
      const Bars& bars = plot.bars[s];
      const double value = bars.value[i];
      if (!drawable(value)) continue;
      const bool spread = !bars.low.empty() && drawable(bars.low[i]) && drawable(bars.high[i]);
      const double end = across(value);
      std::string tip = plot.categories[i] + (bars.name.empty() ? "" : ", " + bars.name) + ": " +
                        with_unit(format_fixed(value, plot.decimals), plot.y.unit);
      if (spread)
        tip += fmt::format(" ({} to {})", format_fixed(bars.low[i], plot.decimals),
                           format_fixed(bars.high[i], plot.decimals));
      sheet.out +=
          fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"1.5\" {}><title>{}</title></rect>\n",
                      px(std::min(zero, end)), px(y), px(std::max(std::abs(end - zero), 1.0)), px(bar),
                      series_paint(plot, bars.colour, s, series).fill(), escape_markup(tip));
      double outer = end;
      if (spread) {
        const double a = across(bars.low[i]), b = across(bars.high[i]), middle = y + bar / 2;
        sheet.out += fmt::format(
            "<path d=\"M{0} {2}H{1}M{0} {3}v7M{1} {3}v7\" fill=\"none\" class=\"ink-line\" stroke-width=\"1.3\"/>\n",
            px(a), px(b), px(middle), px(middle - 3.5));
        outer = value < 0 ? std::min({a, b, end}) : std::max({a, b, end});
      }
      sheet.text(value < 0 ? outer - 5 : outer + 5, y + bar / 2 + sheet.font * 0.36,
                 value < 0 ? Anchor::end : Anchor::start, sheet.font, "ink", format_fixed(value, plot.decimals));
    }
  }
  sheet.line(zero, top, zero, bottom, "axis-line", 1, "shape-rendering=\"crispEdges\"");
  sheet.top = bottom + sheet.font * 1.6;
  sheet.axis_title((left + right) / 2, axis_title(plot.y));
}

}  // namespace strata::report
