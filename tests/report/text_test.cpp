#include "strata/report/text.h"

#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <limits>

#include "strata/report/scale.h"

namespace strata::report {
namespace {

TEST(ReportText, EscapesMarkupAndReplacesWhatXmlForbids) {
  EXPECT_EQ(escape_markup("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
  EXPECT_EQ(escape_markup("τ ± 95 % 😀"), "τ ± 95 % 😀");
  EXPECT_EQ(escape_markup(std::string_view("a\0\x1b\x7f\tb", 6)), "a\uFFFD\uFFFD\uFFFD\tb");
  // A lone continuation byte, a cut sequence, an overlong slash, a surrogate, a byte that never occurs, beyond
  // U+10FFFF.
  EXPECT_EQ(escape_markup("\x80|\xE2\x82|\xC0\xAF|\xED\xA0\x80|\xFF|\xF4\x90\x80\x80"),
            "\uFFFD|\uFFFD\uFFFD|\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD|\uFFFD|\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(printable("red \x1b[31m<&>\n"), "red \uFFFD[31m<&>\uFFFD");
}

TEST(ReportText, NumbersReadTheSameEverywhere) {
  if (std::setlocale(LC_ALL, "de_DE.UTF-8") == nullptr) std::setlocale(LC_ALL, "C.UTF-8");
  EXPECT_EQ(format_fixed(78.64, 1), "78.6");
  EXPECT_EQ(format_fixed(-0.05, 2), "−0.05");
  EXPECT_EQ(format_fixed(-0.001, 2), "0.00");
  EXPECT_EQ(format_fixed(NAN, 1), "–");
  EXPECT_EQ(format_fixed(1e300, 1), "1e300");
  EXPECT_EQ(format_short(78.6), "78.6");
  EXPECT_EQ(format_short(0.00123), "0.00123");
  EXPECT_EQ(format_short(-12345.6), "−12346");
  EXPECT_EQ(format_short(4.5612e12), "4.56e12");
  EXPECT_EQ(format_short(-3e-7), "−3e-7");
  EXPECT_EQ(format_short(0), "0");
  EXPECT_EQ(format_short(100), "100");
  EXPECT_EQ(format_measured(78.61, 0.84), "78.6 ± 0.8");
  EXPECT_EQ(format_measured(78.61, NAN), "78.6");
  std::setlocale(LC_ALL, "C");
}

TEST(ReportText, WrapsAndShortens) {
  for (const auto& line : wrap_text("a sentence of several words that has to be broken", 10, 90))
    EXPECT_LE(text_width(line, 10), 90) << line;
  EXPECT_EQ(wrap_text("", 10, 90), std::vector<std::string>{""});
  EXPECT_EQ(wrap_text("one two", 10, 1000), std::vector<std::string>{"one two"});
  const auto cut = shorten_text("LayerShuffle-position", 10, 60);
  EXPECT_LE(text_width(cut, 10), 60);
  EXPECT_TRUE(cut.ends_with("…")) << cut;
  EXPECT_EQ(wrap_text(std::string(500, 'x'), 10, 90).size(), 1U);
  EXPECT_EQ(count_cells("τ ± 5"), 5);
}

TEST(Ticks, AreRoundNumbersInsideTheRange) {
  const auto at = [](double low, double high, bool outward = false, bool integers = false) {
    return nice_ticks(low, high, 5, outward, integers).at;
  };
  EXPECT_EQ(at(0, 100), (std::vector<double>{0, 20, 40, 60, 80, 100}));
  EXPECT_EQ(at(3.1, 9.7, true), (std::vector<double>{2, 4, 6, 8, 10}));
  EXPECT_EQ(at(0, 3, false, true), (std::vector<double>{0, 1, 2, 3}));
  EXPECT_EQ(at(-1, 1), (std::vector<double>{-1, -0.5, 0, 0.5, 1}));
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{{5, 5},
                                                                        {0, 0},
                                                                        {-1e300, 1e300},
                                                                        {1e-300, 2e-300},
                                                                        {1e300, 1e300},
                                                                        {1e9, 1e9 + 1e-3},
                                                                        {7, 2},
                                                                        {-3, -2.9999},
                                                                        {0, 5e-324}}) {
    for (const int wanted : {0, 1, 5, 12}) {
      for (const bool outward : {false, true}) {
        const Ticks ticks = nice_ticks(low, high, wanted, outward);
        EXPECT_LT(ticks.low, ticks.high) << low << " " << high;
        EXPECT_LE(ticks.at.size(), 4U * wanted + 4) << low << " " << high;
        for (const double mark : ticks.at) EXPECT_FALSE(format_tick(ticks, mark).empty());
      }
    }
  }
  EXPECT_EQ(format_tick(nice_ticks(0, 1, 4, false), 0.25), "0.25");
  EXPECT_EQ(format_tick(nice_ticks(0, 5e9, 5, false), 2e9), "2e9");
}

}  // namespace
}  // namespace strata::report
