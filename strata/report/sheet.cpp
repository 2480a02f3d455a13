#include "strata/report/sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "strata/base/error.h"
#include "strata/report/text.h"

namespace strata::report {

std::string Paint::fill() const {
  return literal.empty() ? fmt::format("class=\"f{}\"", index) : fmt::format("fill=\"{}\"", literal);
}

std::string Paint::stroke() const {
  return literal.empty() ? fmt::format("class=\"s{}\"", index) : fmt::format("stroke=\"{}\"", literal);
}

void Sheet::text(double x, double y, Anchor anchor, double font_size, std::string_view style, std::string_view content,
                 bool bold) {
  static constexpr std::array anchors{"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
  out +=
      fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"{}\" class=\"{}\"{}{}>{}</text>\n", px(x), px(y), px(font_size),
                  style, anchors[static_cast<int>(anchor)], bold ? " font-weight=\"600\"" : "", escape_markup(content));
}

void Sheet::line(double x1, double y1, double x2, double y2, std::string_view style, double stroke_width,
                 std::string_view more) {
  out += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" class=\"{}\" stroke-width=\"{}\" {}/>\n", px(x1),
                     px(y1), px(x2), px(y2), style, px(stroke_width), more);
}

void Sheet::legend(const std::vector<LegendEntry>& entries) {
  const double row = font * 1.55, right = width - margin;
  double x = margin, y = top + row * 0.7;
  for (const auto& entry : entries) {
    const double mark = entry.mark == LegendEntry::Mark::line ? 24 : 12;
    const std::string name = shorten_text(entry.name, font, right - margin - mark - 6);
    const double needed = mark + 6 + text_width(name, font);
    if (x > margin && x + needed > right) {
      x = margin;
      y += row;
    }
    const double middle = y - font * 0.36;
    if (entry.mark == LegendEntry::Mark::line) {
      out += fmt::format("<path d=\"M{} {}h{}\" fill=\"none\" {} stroke-width=\"2.5\"{}/>\n", px(x), px(middle),
                         px(mark), entry.paint.stroke(), dash_attribute(entry.dash, 2.5));
    } else if (entry.mark == LegendEntry::Mark::dot) {
      out += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"5\" {}/>\n", px(x + 6), px(middle), entry.paint.fill());
    } else {
      out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"2\" {}/>\n", px(x), px(middle - 6),
                         entry.paint.fill());
    }
    text(x + mark + 6, y, Anchor::start, font, "ink", name);
    x += needed + 18;
  }
  if (!entries.empty()) top = y + row * 0.6;
}

void Sheet::axis_title(double centre, const std::string& title) {
  if (title.empty()) return;
  text(centre, top + font, Anchor::middle, font, "muted", shorten_text(title, font, width - 2 * margin));
  top += font * 1.5;
}

std::string px(double value) {
  std::string digits = fmt::format("{:.2f}", std::isfinite(value) ? std::clamp(value, -99999.0, 99999.0) : 0.0);
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.ends_with('.')) digits.pop_back();
  return digits == "-0" ? "0" : digits;
}

bool drawable(double value) {
  return std::isfinite(value) && std::abs(value) <= 1e300;
}

std::string dash_attribute(int dash, double stroke_width) {
  const double unit = stroke_width;
  switch (dash % 4) {
    case 1:
      return fmt::format(" stroke-dasharray=\"{} {}\"", px(3 * unit), px(2 * unit));
    case 2:
      return fmt::format(" stroke-dasharray=\"0.1 {}\" stroke-linecap=\"round\"", px(2 * unit));
    case 3:
      return fmt::format(" stroke-dasharray=\"{} {} {} {}\"", px(4 * unit), px(1.8 * unit), px(unit), px(1.8 * unit));
    default:
      return "";
  }
}

Paint series_paint(const Plot& plot, int own, int position, int count) {
  if (own >= 0) return {own % kPaletteSize, ""};
  if (plot.ordered_series && count > 1) return {0, ordinal_colour(static_cast<double>(position) / (count - 1))};
  return {position % kPaletteSize, ""};
}

std::string axis_title(const Axis& axis) {
  if (axis.unit.empty()) return axis.label;
  return axis.label.empty() ? axis.unit : axis.label + " (" + axis.unit + ")";
}

void expect_length(const Plot& plot, const std::string& series, const char* what, size_t size, size_t expected,
                   bool optional) {
  if (size == expected || (optional && size == 0)) return;
  fail("plot '", plot.title, "', series '", series, "': expected ", expected, " values in ", what, ", found ", size,
       "; give every point its value, NaN where there is none");
}

void Extent::add(double value) {
  if (!drawable(value)) return;
  low = empty ? value : std::min(low, value);
  high = empty ? value : std::max(high, value);
  empty = false;
}

Ticks axis_ticks(const Axis& axis, const Extent& data, int wanted, bool outward) {
  for (const auto& limit : {axis.low, axis.high}) {
    if (limit && !drawable(*limit)) fail("plot axis '", axis.label, "': expected finite limits, found ", *limit);
  }
  const double low = axis.low.value_or(data.empty ? 0 : data.low),
               high = axis.high.value_or(data.empty ? 1 : data.high);
  Ticks ticks = nice_ticks(low, high, wanted, outward, axis.integers);
  if (low < high && outward && (axis.low || axis.high)) {
    if (axis.low) ticks.low = low;
    if (axis.high) ticks.high = high;
    std::erase_if(ticks.at,
                  [&](double at) { return at < ticks.low - 1e-9 * ticks.step || at > ticks.high + 1e-9 * ticks.step; });
  }
  return ticks;
}

Ticks fitting_ticks(const Axis& axis, const Extent& data, double length, double font) {
  for (int wanted = static_cast<int>(length / 45);; --wanted) {
    Ticks ticks = axis_ticks(axis, data, wanted, false);
    double needed = 0;
    for (const double at : ticks.at) needed = std::max(needed, text_width(format_tick(ticks, at), font) + 10);
    if (wanted <= 1 || needed <= ticks.step / (ticks.high - ticks.low) * length) return ticks;
  }
}

double bold_width(std::string_view text, double font_size) {
  return 1.13 * text_width(text, font_size);
}

std::string with_unit(const std::string& number, const std::string& unit) {
  return unit.empty() ? number : number + " " + unit;
}

}  // namespace strata::report
