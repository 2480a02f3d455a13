#include "strata/report/colour.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace strata::report {
namespace {

struct Rgb {
  double red, green, blue;  // sRGB, 0..1
};

constexpr double kPi = 3.14159265358979323846;
constexpr std::array<const char*, kPaletteSize> kLight{"#0b6bb5", "#cf4f06", "#008463", "#b0468f",
                                                       "#a87400", "#3a97cf", "#6a57b8", "#66707f"};
constexpr std::array<const char*, kPaletteSize> kDark{"#5aaef0", "#ff8b4a", "#35c49c", "#e58ac6",
                                                      "#e5b740", "#9ad5f7", "#a99bf0", "#a3acb9"};

struct Ink {
  const char* name;
  const char* light;
  const char* dark;
};
constexpr std::array kInks{
    Ink{"ink", "#1c2230", "#e7eaf0"},  Ink{"muted", "#566072", "#a2abb9"},   Ink{"grid", "#e3e7ed", "#2b313b"},
    Ink{"axis", "#aab2bf", "#59626f"}, Ink{"surface", "#ffffff", "#161a20"},
};

double to_linear(double c) {
  return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}
double to_srgb(double c) {
  return c <= 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055;
}

// Oklab (Ottosson 2020) in lightness, chroma and hue; colours outside sRGB are clipped.
Rgb from_oklch(double lightness, double chroma, double hue_degrees) {
  const double a = chroma * std::cos(hue_degrees * kPi / 180), b = chroma * std::sin(hue_degrees * kPi / 180);
  const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
  const auto channel = [](double linear) { return std::clamp(to_srgb(std::max(linear, 0.0)), 0.0, 1.0); };
  return {channel(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          channel(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          channel(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

std::string hex(const Rgb& c) {
  const auto byte = [](double v) { return static_cast<int>(std::lround(std::clamp(v, 0.0, 1.0) * 255)); };
  return fmt::format("#{:02x}{:02x}{:02x}", byte(c.red), byte(c.green), byte(c.blue));
}

Rgb parse(std::string_view text) {
  const auto channel = [&](int at) { return std::stoi(std::string(text.substr(at, 2)), nullptr, 16) / 255.0; };
  return {channel(1), channel(3), channel(5)};
}

std::string along(std::span<const char* const> anchors, double t) {
  t = std::clamp(std::isfinite(t) ? t : 0.0, 0.0, 1.0) * (anchors.size() - 1);
  const auto index = std::min<size_t>(static_cast<size_t>(t), anchors.size() - 2);
  const Rgb from = parse(anchors[index]), to = parse(anchors[index + 1]);
  const double part = t - index;
  return hex({from.red + part * (to.red - from.red), from.green + part * (to.green - from.green),
              from.blue + part * (to.blue - from.blue)});
}

}  // namespace

std::string theme_variables(Theme theme) {
  const bool dark = theme == Theme::dark;
  std::string out;
  for (const auto& ink : kInks) out += fmt::format("--{}:{};", ink.name, dark ? ink.dark : ink.light);
  for (int i = 0; i < kPaletteSize; ++i) out += fmt::format("--c{}:{};", i, dark ? kDark[i] : kLight[i]);
  return out;
}

std::string drawing_css(Theme theme) {
  const auto colour = [theme](const Ink& ink) {
    return theme == Theme::page ? fmt::format("var(--{})", ink.name)
                                : std::string(theme == Theme::dark ? ink.dark : ink.light);
  };
  // A file is drawn with the font the widths were taken from; a page with the reader's own.
  std::string out =
      theme == Theme::page
          ? ".drawing text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;"
            "font-variant-numeric:tabular-nums}"
          : ".drawing text{font-family:\"DejaVu Sans\",\"Bitstream Vera Sans\",Verdana,sans-serif}";
  for (const auto& ink : kInks) {
    out += fmt::format(".drawing .{0}{{fill:{1}}}.drawing .{0}-line{{stroke:{1}}}", ink.name, colour(ink));
  }
  for (int i = 0; i < kPaletteSize; ++i) {
    const std::string value = theme == Theme::page   ? fmt::format("var(--c{})", i)
                              : theme == Theme::dark ? kDark[i]
                                                     : kLight[i];
    out += fmt::format(".drawing .f{0}{{fill:{1}}}.drawing .s{0}{{stroke:{1}}}", i, value);
  }
  // Letters over marks keep a rim of background around them.
  out += fmt::format(".drawing .halo{{paint-order:stroke;stroke:{};stroke-width:3.5px;stroke-linejoin:round}}",
                     colour(kInks[4]));
  return out;
}

std::string ordinal_colour(double t) {
  t = std::clamp(std::isfinite(t) ? t : 0.0, 0.0, 1.0);
  return hex(from_oklch(0.54 + 0.20 * t, 0.145, 275 - 215 * t));
}

std::string sequential_colour(double t) {
  static constexpr std::array anchors{"#16204d", "#224a8a", "#2a78a6", "#46a5a5", "#95cc9c", "#f3eba9"};
  return along(anchors, t);
}

std::string diverging_colour(double t) {
  static constexpr std::array anchors{"#8a2c06", "#cf6a34", "#efc3a4", "#f2f0ec", "#abcdea", "#4a8fcb", "#10457f"};
  return along(anchors, 0.5 + 0.5 * t);
}

bool wants_dark_text(const std::string& colour) {
  const Rgb c = parse(colour);
  const double luminance = 0.2126 * to_linear(c.red) + 0.7152 * to_linear(c.green) + 0.0722 * to_linear(c.blue);
  return luminance > 0.19;  // where contrast to #111 and to white are equal
}

}  // namespace strata::report
