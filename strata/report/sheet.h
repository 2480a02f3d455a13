#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strata/report/plot.h"
#include "strata/report/scale.h"

// The paper a drawing is written on; shared by the files that draw one kind of plot each.
namespace strata::report {

/// Colour of one series: a palette class that follows the theme, or a literal colour.
struct Paint {
  int index = 0;
  std::string literal;  // empty: the palette's index
  std::string fill() const;
  std::string stroke() const;
};

/// What a legend shows for one series.
struct LegendEntry {
  enum class Mark { line, dot, box };
  std::string name;
  Paint paint;
  Mark mark = Mark::line;
  int dash = 0;
};

enum class Anchor { start, middle, end };

/// SVG elements written so far, from the top down. All lengths are in the units of the viewBox.
struct Sheet {
  Size size = Size::wide;
  std::string out;
  double width = 0;
  double margin = 0;
  double font = 12;  // of marks and names
  double top = 0;    // next free y
  int left_out = 0;  // values that could not be drawn

  /// `style` is a class list or paint ("ink", "muted halo"), as in class="...".
  void text(double x, double y, Anchor anchor, double font_size, std::string_view style, std::string_view content,
            bool bold = false);
  void line(double x1, double y1, double x2, double y2, std::string_view style, double stroke_width,
            std::string_view more = "");
  void legend(const std::vector<LegendEntry>& entries);
  /// The name under a horizontal axis; nothing when empty.
  void axis_title(double centre, const std::string& title);
};

/// A coordinate with at most two decimals, clamped far outside any sheet so that it stays a short number.
std::string px(double value);

/// Finite and small enough that differences do not overflow.
bool drawable(double value);

/// stroke-dasharray attribute of dash pattern 0 to 3.
std::string dash_attribute(int dash, double stroke_width);

/// The series' colour: its own index, else its position; a ramp when the plot's series are ordered.
Paint series_paint(const Plot& plot, int own, int position, int count);

/// "accuracy (%)"
std::string axis_title(const Axis& axis);

/// Throws Error unless the vectors of every series agree in length and only kinds that go together are present.
void validate(const Plot& plot);

/// Throws Error unless `size` is `expected` or, if `optional`, zero.
void expect_length(const Plot& plot, const std::string& series, const char* what, size_t size, size_t expected,
                   bool optional);

/// Smallest and largest of the drawable values seen.
struct Extent {
  double low = 0, high = 0;
  bool empty = true;
  void add(double value);
};

/// Axis limits (what the user fixed, else the data) and their marks.
Ticks axis_ticks(const Axis& axis, const Extent& data, int wanted, bool outward);

/// Marks inside the data's range, few enough that their labels do not touch on `length` units of paper.
Ticks fitting_ticks(const Axis& axis, const Extent& data, double length, double font);

/// Width of bold text, which the table of widths does not know.
double bold_width(std::string_view text, double font_size);

/// "78.6 %"
std::string with_unit(const std::string& number, const std::string& unit);

void draw_curves(const Plot& plot, Sheet& sheet);
void draw_bars(const Plot& plot, Sheet& sheet);
void draw_heat(const Plot& plot, const HeatMap& heat, Sheet& sheet);

}  // namespace strata::report
