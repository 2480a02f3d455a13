#include "strata/report/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "strata/base/error.h"
#include "tests/report/samples.h"
#include "tests/report/xml_check.h"

namespace strata::report {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Size kSizes[] = {Size::wide, Size::half, Size::narrow};

void expect_well_formed(const Plot& plot) {
  for (const Size size : kSizes) {
    for (const Theme theme : {Theme::light, Theme::page}) {
      const std::string svg = render_svg(plot, size, theme);
      // Text layout is slow: of the six, the independent reader sees two.
      if ((size == Size::wide) == (theme == Theme::light) && size != Size::half)
        EXPECT_EQ(xml_error(svg), "") << plot.title;
      EXPECT_THAT(svg, Not(HasSubstr("nan"))) << plot.title;
      EXPECT_THAT(svg, Not(HasSubstr("inf"))) << plot.title;
      EXPECT_EQ(svg, render_svg(plot, size, theme));
    }
  }
}

int count(const std::string& text, const std::string& piece) {
  int found = 0;
  for (size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + piece.size())) ++found;
  return found;
}

TEST(Plot, SamplesAreWellFormed) {
  for (const Plot& plot :
       {samples::missing_blocks(), samples::order_distance(), samples::exits(), samples::pairs(6), samples::pairs(24),
        samples::comparison(), samples::block_map(false), samples::block_map(true)})
    expect_well_formed(plot);
}

TEST(Plot, DrawsEveryPointWithItsValue) {
  Plot plot;
  plot.x.label = "missing blocks";
  plot.y = {.label = "accuracy", .unit = "%"};
  plot.lines = {{.name = "plain", .x = {0, 1, 2}, .y = {83, 81.8, 74.2}, .low = {82, 80, 70}, .high = {84, 83, 78}}};
  const std::string svg = render_svg(plot);
  EXPECT_EQ(count(svg, "<circle"), 3);
  EXPECT_EQ(count(svg, "fill-opacity=\"0.16\""), 1);  // the band
  EXPECT_THAT(svg, HasSubstr("<title>plain: 74.2 % (70 to 78) at missing blocks 2</title>"));
  EXPECT_THAT(svg, HasSubstr(">accuracy (%)</text>"));
  EXPECT_THAT(describe(plot), HasSubstr("accuracy (%) against missing blocks. plain: 74.2 to 83."));
}

TEST(Plot, EscapesEveryTextItIsGiven) {
  const std::string evil = "</text><script>alert('1')</script>&\"\x01\xFF";
  Plot plot;
  plot.title = plot.subtitle = evil;
  plot.x = {.label = evil, .unit = evil};
  plot.y = {.label = evil, .unit = evil};
  plot.references = {{.value = 1, .label = evil}};
  Plot curve = plot, cloud = plot, bars = plot, heat = plot;
  curve.lines = {{.name = evil, .x = {0, 1}, .y = {0, 2}}};
  cloud.scatters = {{.name = evil, .x = {0, 1}, .y = {0, 2}, .tips = {evil, evil}, .name_at_centre = true},
                    {.name = evil, .x = {1}, .y = {1}}};
  bars.categories = {evil};
  bars.bars = {{.name = evil, .value = {1}}, {.name = evil, .value = {2}}};
  heat.heat = HeatMap{.rows = {evil}, .columns = {evil, evil}, .values = {1, NAN}, .label = evil, .unit = evil};
  for (const Plot& each : {curve, cloud, bars, heat}) {
    expect_well_formed(each);
    EXPECT_THAT(render_svg(each), Not(HasSubstr("<script")));
  }
}

TEST(Plot, NothingToDraw) {
  Plot plot;
  plot.title = "empty";
  expect_well_formed(plot);
  EXPECT_THAT(render_svg(plot), HasSubstr("no data"));
  plot.lines = {{.name = "none"}, {.name = "gaps", .x = {1, 2}, .y = {NAN, INFINITY}}};
  expect_well_formed(plot);
  EXPECT_THAT(render_svg(plot), HasSubstr("no data"));
  EXPECT_THAT(render_svg(plot), HasSubstr("2 values are not finite numbers and are not shown."));
  Plot heat;
  heat.heat = HeatMap{};
  expect_well_formed(heat);
  EXPECT_THAT(render_svg(heat), HasSubstr("no data"));
  Plot bars;
  bars.bars = {{.name = "none"}};
  expect_well_formed(bars);
}

TEST(Plot, ValuesThatAreNotFiniteBreakTheCurveAndAreCounted) {
  Plot plot;
  plot.lines = {{.name = "a", .x = {0, 1, 2, 3, 4}, .y = {1, 2, NAN, 3, 4}}};
  const std::string svg = render_svg(plot);
  EXPECT_EQ(count(svg, "<circle"), 4);
  EXPECT_THAT(svg, HasSubstr("1 value is not a finite number and is not shown."));
  const size_t path = svg.find("<path d=\"M");
  ASSERT_NE(path, std::string::npos);
  EXPECT_EQ(count(svg.substr(path, svg.find('"', path + 9) - path), "M"), 2);
  plot.lines[0].y[2] = 2.5;
  EXPECT_THAT(render_svg(plot), Not(HasSubstr("not shown")));
}

TEST(Plot, OnePointHugeValuesTinyValues) {
  constexpr double max = std::numeric_limits<double>::max(), tiny = std::numeric_limits<double>::denorm_min();
  for (const std::vector<double>& y : std::vector<std::vector<double>>{{5},
                                                                       {0},
                                                                       {-7},
                                                                       {1e300, -1e300},
                                                                       {max, 1},
                                                                       {tiny, 2 * tiny},
                                                                       {1e9, 1e9 + 1e-6},
                                                                       {INFINITY, -INFINITY, 1},
                                                                       {1e-200, 1e200}}) {
    Plot plot;
    plot.title = "values from " + format_short(y[0]);
    Line line{.name = "y", .y = y};
    for (size_t i = 0; i < y.size(); ++i) line.x.push_back(y[y.size() - 1 - i]);
    plot.lines = {line};
    expect_well_formed(plot);
    Plot bars;
    bars.categories.assign(y.size(), "c");
    bars.bars = {{.name = "b", .value = y, .low = y, .high = y}};
    expect_well_formed(bars);
    Plot heat;
    heat.heat = HeatMap{.rows = {"r"}, .columns = bars.categories, .values = y, .centre = 0};
    expect_well_formed(heat);
    Plot limits = plot;
    limits.y.low = 0;
    limits.y.high = 1e-3;
    limits.x.low = 10;
    expect_well_formed(limits);
  }
}

TEST(Plot, SixtySeriesStayApartAndInside) {
  Plot plot;
  for (int s = 0; s < 60; ++s)
    plot.lines.push_back(samples::curve("series number " + std::to_string(s), {1.0 * s, 2.0 * s, 3.0 * s}, 1));
  expect_well_formed(plot);
  const std::string svg = render_svg(plot);
  for (int s = 0; s < 60; ++s) EXPECT_THAT(svg, HasSubstr(">series number " + std::to_string(s) + "</text>"));
  EXPECT_GT(count(svg, "stroke-dasharray"), 60);  // beyond the palette, curve and legend differ by dashes
}

TEST(Plot, NamesStandAtTheCurvesOrInALegend) {
  Plot plot;
  plot.lines = {samples::curve("upper", {1, 2, 9}, 0), samples::curve("lower", {1, 2, 3}, 0)};
  EXPECT_EQ(count(render_svg(plot), "font-weight=\"600\""), 2);  // bold, at the ends
  plot.lines[1].y = {1, 2, 9};
  plot.lines.push_back(samples::curve("third", {1, 2, 9}, 0));
  plot.lines.push_back(samples::curve("fourth", {1, 2, 9}, 0));
  EXPECT_EQ(count(render_svg(plot), "font-weight=\"600\""), 0);  // four ends in one spot
  for (const char* name : {"upper", "lower", "third", "fourth"})
    EXPECT_EQ(count(render_svg(plot), std::string(">") + name + "</text>"), 1);
}

TEST(Plot, HeatCellsCarryReadableValues) {
  Plot plot;
  plot.heat = HeatMap{.rows = {"0", "1"},
                      .columns = {"0", "1"},
                      .values = {NAN, -4, 2, 0},
                      .label = "change",
                      .unit = "points",
                      .centre = 0};
  const std::string svg = render_svg(plot);
  EXPECT_THAT(svg, HasSubstr("<title>0, 0: no value</title>"));
  EXPECT_THAT(svg, HasSubstr("<title>0, 1: −4.0 points</title>"));
  EXPECT_THAT(svg, HasSubstr("change (points)"));
  EXPECT_TRUE(wants_dark_text(diverging_colour(0)));
  EXPECT_FALSE(wants_dark_text(diverging_colour(-1)));
  EXPECT_FALSE(wants_dark_text(sequential_colour(0)));
  EXPECT_TRUE(wants_dark_text(sequential_colour(1)));
}

TEST(Plot, RefusesVectorsThatDisagree) {
  const auto refused = [](const Plot& plot) { EXPECT_THROW(render_svg(plot), Error); };
  refused({.lines = {{.name = "a", .x = {1, 2}, .y = {1}}}});
  refused({.lines = {{.name = "a", .x = {1, 2}, .y = {1, 2}, .low = {1, 2}}}});
  refused({.lines = {{.name = "a", .x = {1, 2}, .y = {1, 2}, .low = {1}, .high = {1}}}});
  refused({.scatters = {{.name = "a", .x = {1, 2}, .y = {1, 2}, .tips = {"one"}}}});
  refused({.bars = {{.name = "a", .value = {1}}}, .categories = {"x", "y"}});
  refused({.heat = HeatMap{.rows = {"a"}, .columns = {"b"}, .values = {1, 2}}});
  refused({.lines = {{.name = "a"}}, .bars = {{.name = "b"}}});
  refused({.x = {.low = NAN}, .lines = {{.name = "a", .x = {1}, .y = {1}}}});
  try {
    render_svg({.title = "exits", .lines = {{.name = "plain", .x = {1, 2}, .y = {1}}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "plot 'exits', series 'plain': expected 2 values in y, found 1; give every point its value, NaN where "
                 "there is none");
  }
}

}  // namespace
}  // namespace strata::report
