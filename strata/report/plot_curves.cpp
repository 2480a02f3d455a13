#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/report/sheet.h"
#include "strata/report/text.h"

namespace strata::report {
namespace {

// The rectangle data live in, and the map from data to it.
struct Frame {
  double left, right, top, bottom;
  Ticks x, y;
  double across(double value) const { return left + (value - x.low) / (x.high - x.low) * (right - left); }
  double up(double value) const { return bottom - (value - y.low) / (y.high - y.low) * (bottom - top); }
};

struct EndLabel {
  size_t series;
  double from_x, from_y;  // where the curve ends: x in data, y on the sheet
  double y;               // where the name stands
};

// Moves names apart until neighbours are `gap` apart and all stay inside [top, bottom] (which must be high enough).
void spread_labels(std::vector<EndLabel>& labels, double gap, double top, double bottom) {
  std::sort(labels.begin(), labels.end(),
            [](const auto& a, const auto& b) { return a.y < b.y || (a.y == b.y && a.series < b.series); });
  for (int pass = 0; pass < 60; ++pass) {  // symmetric pushes first, so that a cluster stays centred on its curves
    for (size_t i = 1; i < labels.size(); ++i) {
      const double overlap = gap - (labels[i].y - labels[i - 1].y);
      if (overlap <= 0) continue;
      labels[i - 1].y -= overlap / 2;
      labels[i].y += overlap / 2;
    }
  }
  double limit = bottom;
  for (size_t i = labels.size(); i-- > 0; limit = labels[i].y - gap) labels[i].y = std::min(labels[i].y, limit);
  limit = top;
  for (size_t i = 0; i < labels.size(); limit = labels[i].y + gap, ++i) labels[i].y = std::max(labels[i].y, limit);
}

bool point_drawable(const std::vector<double>& x, const std::vector<double>& y, size_t i) {
  return drawable(x[i]) && drawable(y[i]);
}

int dash_of(const Line& line, int position) {
  return line.dash >= 0 ? line.dash : position / kPaletteSize;
}

std::string line_path(const Line& line, const Frame& frame) {
  std::string path;
  bool pen_down = false;
  for (size_t i = 0; i < line.x.size(); ++i) {
    if (!point_drawable(line.x, line.y, i)) {
      pen_down = false;
      continue;
    }
    path += fmt::format("{}{} {}", pen_down ? "L" : "M", px(frame.across(line.x[i])), px(frame.up(line.y[i])));
    pen_down = true;
  }
  return path;
}

std::string band_path(const Line& line, const Frame& frame) {
  const auto usable = [&](size_t i) { return drawable(line.x[i]) && drawable(line.low[i]) && drawable(line.high[i]); };
  std::string path;
  for (size_t begin = 0; begin < line.low.size();) {
    if (!usable(begin)) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < line.low.size() && usable(end)) ++end;
    for (size_t i = begin; i < end; ++i)
      path += fmt::format("{}{} {}", i == begin ? "M" : "L", px(frame.across(line.x[i])), px(frame.up(line.high[i])));
    for (size_t i = end; i-- > begin;)
      path += fmt::format("L{} {}", px(frame.across(line.x[i])), px(frame.up(line.low[i])));
    path += "Z";
    begin = end;
  }
  return path;
}

std::string point_tip(const Plot& plot, const Line& line, size_t i) {
  std::string tip = line.name.empty() ? "" : line.name + ": ";
  tip += with_unit(format_short(line.y[i], 4), plot.y.unit);
  if (!line.low.empty() && drawable(line.low[i]) && drawable(line.high[i]))
    tip += fmt::format(" ({} to {})", format_short(line.low[i], 4), format_short(line.high[i], 4));
  return tip + fmt::format(" at {} {}", plot.x.label.empty() ? "x" : plot.x.label, format_short(line.x[i], 4));
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

void draw_grid(const Plot& plot, Sheet& sheet, const Frame& frame) {
  if (!plot.y.hidden) {
    for (const double at : frame.y.at) {
      const double y = frame.up(at);
      sheet.line(frame.left, y, frame.right, y, "grid-line", 1, "shape-rendering=\"crispEdges\"");
      sheet.text(frame.left - 7, y + sheet.font * 0.36, Anchor::end, sheet.font, "muted", format_tick(frame.y, at));
    }
  }
  if (plot.x.hidden && plot.y.hidden) {
    sheet.out +=
        fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\" fill=\"none\" class=\"grid-line\"/>\n",
                    px(frame.left), px(frame.top), px(frame.right - frame.left), px(frame.bottom - frame.top));
    return;
  }
  sheet.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis-line", 1, "shape-rendering=\"crispEdges\"");
  if (plot.x.hidden) return;
  for (const double at : frame.x.at) {
    const double x = frame.across(at);
    sheet.line(x, frame.bottom, x, frame.bottom + 5, "axis-line", 1, "shape-rendering=\"crispEdges\"");
    sheet.text(x, frame.bottom + 7 + sheet.font, Anchor::middle, sheet.font, "muted", format_tick(frame.x, at));
  }
}

void draw_scatter(const Scatter& scatter, const Paint& paint, Sheet& sheet, const Frame& frame) {
  const double size = scatter.size * (sheet.size == Size::narrow ? 0.8 : 1);
  if (!scatter.tips.empty()) {
    for (size_t i = 0; i < scatter.x.size(); ++i) {
      if (!point_drawable(scatter.x, scatter.y, i)) continue;
      sheet.out +=
          fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {} fill-opacity=\"0.8\"><title>{}</title></circle>\n",
                      px(frame.across(scatter.x[i])), px(frame.up(scatter.y[i])), px(size / 2), paint.fill(),
                      escape_markup(scatter.tips[i]));
    }
    return;
  }
  // One path of round dots instead of an element per point: an order of magnitude fewer bytes.
  std::string path;
  for (size_t i = 0; i < scatter.x.size(); ++i) {
    if (point_drawable(scatter.x, scatter.y, i))
      path += fmt::format("M{:.1f} {:.1f}h0", std::clamp(frame.across(scatter.x[i]), -9999.0, 9999.0),
                          std::clamp(frame.up(scatter.y[i]), -9999.0, 9999.0));
  }
  if (path.empty()) return;
  sheet.out += fmt::format(
      "<path d=\"{}\" fill=\"none\" {} stroke-width=\"{}\" stroke-linecap=\"round\" "
      "stroke-opacity=\"0.75\"><title>{}</title></path>\n",
      path, paint.stroke(), px(size), escape_markup(scatter.name));
}

void draw_line(const Plot& plot, const Line& line, const Paint& paint, int dash, bool markers, Sheet& sheet,
               const Frame& frame) {
  if (const std::string band = line.low.empty() ? "" : band_path(line, frame); !band.empty())
    sheet.out += fmt::format("<path d=\"{}\" {} fill-opacity=\"0.16\"/>\n", band, paint.fill());
  const std::string path = line_path(line, frame);
  if (path.empty()) return;
  sheet.out += fmt::format(
      "<path d=\"{}\" fill=\"none\" {} stroke-width=\"2.25\" stroke-linejoin=\"round\"{}><title>{}</title></path>\n",
      path, paint.stroke(), dash_attribute(dash, 2.25), escape_markup(line.name));
  for (size_t i = 0; i < line.x.size(); ++i) {
    if (!point_drawable(line.x, line.y, i)) continue;
    // A lone point has no stroke of its own, so it is always marked.
    const bool lone = (i == 0 || !point_drawable(line.x, line.y, i - 1)) &&
                      (i + 1 == line.x.size() || !point_drawable(line.x, line.y, i + 1));
    if (!markers && !lone) continue;
    sheet.out += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"3.4\" {}><title>{}</title></circle>\n",
                             px(frame.across(line.x[i])), px(frame.up(line.y[i])), paint.fill(),
                             escape_markup(point_tip(plot, line, i)));
  }
}

// What the data ask of the frame; counts what cannot be drawn.
struct Extents {
  Extent across, up, line_ends;
};

Extents measure(const Plot& plot, Sheet& sheet) {
  Extents extents;
  const auto add = [&](const std::vector<double>& x, const std::vector<double>& y, size_t i) {
    if (!point_drawable(x, y, i)) {
      ++sheet.left_out;
      return false;
    }
    extents.across.add(x[i]);
    extents.up.add(y[i]);
    return true;
  };
  for (const auto& line : plot.lines) {
    double last = NAN;
    for (size_t i = 0; i < line.x.size(); ++i) {
      if (!add(line.x, line.y, i)) continue;
      last = line.x[i];
      if (line.low.empty()) continue;
      extents.up.add(line.low[i]);
      extents.up.add(line.high[i]);
    }
    extents.line_ends.add(last);
  }
  for (const auto& scatter : plot.scatters)
    for (size_t i = 0; i < scatter.x.size(); ++i) add(scatter.x, scatter.y, i);
  for (const auto& reference : plot.references) extents.up.add(reference.value);
  return extents;
}

Paint line_paint(const Plot& plot, size_t i) {
  return series_paint(plot, plot.lines[i].colour, static_cast<int>(i),
                      static_cast<int>(plot.lines.size() + plot.scatters.size()));
}

Paint scatter_paint(const Plot& plot, size_t i) {
  return series_paint(plot, plot.scatters[i].colour, static_cast<int>(plot.lines.size() + i),
                      static_cast<int>(plot.lines.size() + plot.scatters.size()));
}

// Names at the ends of the curves read better than a legend, when they fit, every curve ends near the right edge and no
// name has to stand far from its curve. Empty: use a legend. `frame` needs its y axis only; Heights are relative to it.
std::vector<EndLabel> end_labels(const Plot& plot, const Sheet& sheet, const Extents& extents, const Frame& frame) {
  const double line_height = sheet.font * 1.3;
  if (plot.lines.empty() || !plot.scatters.empty() || extents.across.empty ||
      plot.lines.size() * line_height > frame.bottom - frame.top ||
      extents.across.high - extents.line_ends.low > 0.15 * (extents.across.high - extents.across.low))
    return {};
  std::vector<EndLabel> labels;
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    const Line& line = plot.lines[i];
    if (line.name.empty() || bold_width(line.name, sheet.font) > sheet.width * 0.27) return {};
    for (size_t at = line.x.size(); at-- > 0;) {
      if (!point_drawable(line.x, line.y, at)) continue;
      const double y = std::clamp(frame.up(line.y[at]), frame.top, frame.bottom);
      labels.push_back({i, line.x[at], y, y});
      break;
    }
  }
  spread_labels(labels, line_height, frame.top, frame.bottom);
  for (const auto& label : labels)
    if (std::abs(label.y - label.from_y) > 1.2 * line_height) return {};
  return labels;
}

void draw_legend(const Plot& plot, bool with_lines, Sheet& sheet) {
  std::vector<LegendEntry> entries;
  for (size_t i = 0; with_lines && i < plot.lines.size(); ++i) {
    if (!plot.lines[i].name.empty())
      entries.push_back({plot.lines[i].name, line_paint(plot, i), LegendEntry::Mark::line,
                         dash_of(plot.lines[i], static_cast<int>(i))});
  }
  for (size_t i = 0; i < plot.scatters.size(); ++i) {
    if (!plot.scatters[i].name.empty())
      entries.push_back({plot.scatters[i].name, scatter_paint(plot, i), LegendEntry::Mark::dot, 0});
  }
  sheet.legend(entries);
}

void draw_end_labels(const Plot& plot, const std::vector<EndLabel>& labels, Sheet& sheet, const Frame& frame) {
  const double x = frame.right + 10;
  for (const auto& label : labels) {
    const Paint paint = line_paint(plot, label.series);
    const double from_x = frame.across(label.from_x);
    if (std::abs(label.y - label.from_y) > 3 || x - from_x > 24)
      sheet.out +=
          fmt::format("<path d=\"M{} {}L{} {}\" fill=\"none\" {} stroke-width=\"1\" stroke-opacity=\"0.5\"/>\n",
                      px(from_x + 5), px(label.from_y), px(x - 2), px(label.y), paint.stroke());
    sheet.out += fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"{}\" font-weight=\"600\" {}>{}</text>\n", px(x),
                             px(label.y + sheet.font * 0.36), px(sheet.font), paint.fill(),
                             escape_markup(plot.lines[label.series].name));
  }
}

void draw_centre_names(const Plot& plot, Sheet& sheet, const Frame& frame) {
  for (const auto& scatter : plot.scatters) {
    if (!scatter.name_at_centre) continue;
    std::vector<double> x, y;
    for (size_t i = 0; i < scatter.x.size(); ++i) {
      if (!point_drawable(scatter.x, scatter.y, i)) continue;
      x.push_back(scatter.x[i]);
      y.push_back(scatter.y[i]);
    }
    if (!x.empty())
      sheet.text(frame.across(median(x)), frame.up(median(y)) + sheet.font * 0.36, Anchor::middle, sheet.font,
                 "ink halo", scatter.name, true);
  }
}

// Whether the lines keep further away from a reference on the left than on the right: there its label hides nothing.
bool room_at_left(const Plot& plot, double reference) {
  double left = std::numeric_limits<double>::infinity(), right = left;
  for (const auto& line : plot.lines) {
    if (line.y.empty()) continue;
    const auto nearer = [&](double& least, double y) {
      if (drawable(y)) least = std::min(least, std::abs(y - reference));
    };
    nearer(left, line.y.front());
    nearer(right, line.y.back());
  }
  return left >= right;
}

void draw_series(const Plot& plot, Sheet& sheet, const Frame& frame) {
  // The inner svg clips what reaches beyond fixed limits, without the page-wide ids that clip paths need.
  sheet.out += fmt::format("<svg x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" viewBox=\"{0} {1} {2} {3}\">\n",
                           px(frame.left - 4), px(frame.top - 6), px(frame.right - frame.left + 8),
                           px(frame.bottom - frame.top + 10));
  for (const auto& reference : plot.references) {
    if (!drawable(reference.value)) continue;
    const double y = frame.up(reference.value);
    sheet.line(frame.left, y, frame.right, y, "muted-line", 1.25, "stroke-dasharray=\"5 4\"");
  }
  for (size_t i = 0; i < plot.scatters.size(); ++i)
    draw_scatter(plot.scatters[i], scatter_paint(plot, i), sheet, frame);
  size_t points = 0;
  for (const auto& line : plot.lines) points = std::max(points, line.x.size());
  const bool markers = points <= 40 && plot.lines.size() <= 16;
  for (size_t i = plot.lines.size(); i-- > 0;)  // the first series on top
    draw_line(plot, plot.lines[i], line_paint(plot, i), dash_of(plot.lines[i], static_cast<int>(i)), markers, sheet,
              frame);
  sheet.out += "</svg>\n";
  for (const auto& reference : plot.references) {
    if (!drawable(reference.value) || reference.label.empty()) continue;
    const double y = frame.up(reference.value), font = sheet.font * 0.95;
    if (y < frame.top || y > frame.bottom) continue;
    const bool room_above = y - frame.top >= sheet.font * 1.4;
    const bool at_left = room_at_left(plot, reference.value);
    sheet.text(at_left ? frame.left + 6 : frame.right - 6, room_above ? y - 5 : y + sheet.font * 1.1,
               at_left ? Anchor::start : Anchor::end, font, "muted halo",
               shorten_text(reference.label, font, frame.right - frame.left - 12));
  }
}

}  // namespace

void draw_curves(const Plot& plot, Sheet& sheet) {
  const bool narrow = sheet.size == Size::narrow, map = plot.x.hidden && plot.y.hidden;
  const Extents extents = measure(plot, sheet);
  const double height = map ? (narrow ? 300 : 380) : narrow ? 230 : sheet.size == Size::half ? 270 : 310;
  Frame frame{};
  frame.bottom = height;  // moved down once the legend above has taken its room
  frame.y = axis_ticks(plot.y, extents.up, static_cast<int>(height / 52), !plot.y.hidden);
  if (plot.y.hidden) {
    const double margin = 0.04 * (frame.y.high - frame.y.low);
    frame.y.low -= margin;
    frame.y.high += margin;
  }
  std::vector<EndLabel> labels = end_labels(plot, sheet, extents, frame);
  draw_legend(plot, labels.empty(), sheet);
  if (const std::string title = axis_title(plot.y); !title.empty() && !plot.y.hidden) {
    sheet.text(sheet.margin, sheet.top + sheet.font, Anchor::start, sheet.font, "muted",
               shorten_text(title, sheet.font, sheet.width * 0.9));
    sheet.top += sheet.font * 1.5;
  }
  frame.top = sheet.top + sheet.font * 0.6;
  frame.bottom = frame.top + height;

  double mark_width = 0, name_width = 0;
  for (const double at : frame.y.at)
    mark_width = std::max(mark_width, text_width(format_tick(frame.y, at), sheet.font));
  for (auto& label : labels) {
    label.y += frame.top;
    label.from_y += frame.top;
    name_width = std::max(name_width, bold_width(plot.lines[label.series].name, sheet.font));
  }
  frame.left = sheet.margin + (plot.y.hidden ? 0 : mark_width + 8);
  frame.right = sheet.width - sheet.margin - (!labels.empty() ? name_width + 12 : plot.x.hidden ? 0 : 10);
  frame.x = fitting_ticks(plot.x, extents.across, frame.right - frame.left, sheet.font);
  const double margin = 0.025 * (frame.x.high - frame.x.low);
  if (!plot.x.low) frame.x.low -= margin;
  if (!plot.x.high) frame.x.high += margin;

  draw_grid(plot, sheet, frame);
  draw_series(plot, sheet, frame);
  draw_centre_names(plot, sheet, frame);
  draw_end_labels(plot, labels, sheet, frame);
  if (extents.across.empty)
    sheet.text((frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2, Anchor::middle, sheet.font * 1.1,
               "muted", "no data");
  sheet.top = frame.bottom + 8;
  if (plot.x.hidden) return;
  sheet.top += sheet.font * 1.3;
  sheet.axis_title((frame.left + frame.right) / 2, axis_title(plot.x));
}

}  // namespace strata::report
