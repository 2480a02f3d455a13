#pragma once

#include <optional>
#include <string>
#include <vector>

#include "strata/report/colour.h"

namespace strata::report {

/// One axis: what it measures and, if the data should not decide, from where to where.
struct Axis {
  std::string label;
  std::string unit;  // printed after the label in brackets
  std::optional<double> low, high;
  bool integers = false;  // marks at whole numbers only
  bool hidden = false;    // no marks and no grid: maps, whose coordinates mean nothing
};

/// A curve, with an optional confidence band. Vectors have one entry per point; a point that is not finite breaks the
/// curve.
struct Line {
  std::string name;
  std::vector<double> x, y;
  std::vector<double> low, high;  // the band's lower and upper edge (not distances); empty: no band
  int colour = -1;                // index into the palette; -1: by position among the series
  int dash = -1;  // 0 solid, 1 dashed, 2 dotted, 3 dash-dot; -1: solid for the first palette round, then the next one
};

/// A cloud of points of one category.
struct Scatter {
  std::string name;
  std::vector<double> x, y;
  std::vector<std::string> tips;  // one per point, shown on hover; empty: none
  double size = 5;                // diameter
  int colour = -1;
  bool name_at_centre = false;  // writes the name over the median point
};

/// One value per category, drawn beside the bars of the other series.
struct Bars {
  std::string name;
  std::vector<double> value;
  std::vector<double> low, high;  // ends of the error bar; empty: none
  int colour = -1;
};

/// A matrix shown as coloured cells; a value that is not finite leaves its cell blank.
struct HeatMap {
  std::vector<std::string> rows, columns;
  std::vector<double> values;  // [rows, columns]
  std::string label, unit;     // of the colour scale
  std::optional<double> low, high;
  std::optional<double> centre;  // set: two-sided colours around it
  int decimals = 1;
};

/// A horizontal line across curves (a vertical one across bars): chance, the untouched model.
struct Reference {
  double value = 0;
  std::string label;
};

/// A drawing as plain data. Curves and clouds share one frame; bars and a heat map stand alone.
struct Plot {
  std::string title, subtitle;
  Axis x, y;  // bars: the values are on y, the category names in `categories`
  std::vector<Line> lines;
  std::vector<Scatter> scatters;
  std::vector<Bars> bars;
  std::vector<std::string> categories;
  std::optional<HeatMap> heat;
  std::vector<Reference> references;
  int decimals = 1;             // of the values printed beside bars
  bool ordered_series = false;  // series are steps of an order: colours from a ramp instead of the palette
};

/// Room the drawing is made for: a laptop's text column, half of it, a phone.
enum class Size { wide, half, narrow };

/// The drawing as an SVG element: a viewBox and no fixed size, so that it fills its container; text stays text; values
/// are in tooltips. Light and dark carry their style sheet and background and stand alone as files; page relies on the
/// page's style sheet and is for inlining in HTML. Values that are not finite or beyond +-1e300 are left out, and a
/// note under the drawing says how many. Throws Error when the lengths of a series' vectors differ or kinds that stand
/// alone are mixed.
std::string render_svg(const Plot& plot, Size size = Size::wide, Theme theme = Theme::light);

/// One sentence for readers who cannot see the drawing: title, kind, axes and the range of every series (the first
/// few).
std::string describe(const Plot& plot);

}  // namespace strata::report
