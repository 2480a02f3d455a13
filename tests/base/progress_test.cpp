#include "strata/base/progress.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "strata/base/checksum.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

TEST(Progress, TextsOfDurationsAndSizes) {
  EXPECT_EQ(duration_text(41.6), "42 s");
  EXPECT_EQ(duration_text(130), "2 min 10 s");
  EXPECT_EQ(duration_text(8000), "2 h 13 min");
  EXPECT_EQ(bytes_text(812), "812 B");
  EXPECT_EQ(bytes_text(3.21e6), "3.2 MB");
  EXPECT_EQ(bytes_text(12.4e9), "12 GB");
}

TEST(Progress, LineFitsTheTerminal) {
  const ProgressView view{
      .label = "plain", .done = 150, .total = 600, .seconds = 30, .detail = "loss 0.512  320 images/s"};
  const std::string wide = progress_line(view, 120, false);
  EXPECT_NE(wide.find("plain  25 %"), std::string::npos) << wide;
  EXPECT_NE(wide.find("150/600  loss 0.512  320 images/s  1 min 30 s left"), std::string::npos) << wide;
  EXPECT_NE(wide.find("━"), std::string::npos);
  EXPECT_EQ(wide.find('\x1b'), std::string::npos);
  EXPECT_NE(progress_line(view, 120, true).find("\x1b["), std::string::npos);
  const std::string narrow = progress_line(view, 40, false);  // no room for a bar
  EXPECT_EQ(narrow.find("━"), std::string::npos);
  EXPECT_LT(narrow.size(), 40U);
}

TEST(Progress, SpeedCountsOnlyTheStepsOfThisProcess) {
  const ProgressView view{.label = "x", .done = 510, .total = 600, .seconds = 10, .done_before = 500};
  EXPECT_NE(progress_line(view, 100, false).find("1 min 30 s left"), std::string::npos);
}

TEST(Progress, AFileGetsOneLinePerTenth) {
  const TemporaryFolder folder;
  std::FILE* file = std::fopen(folder.file("log").c_str(), "w");
  {
    Progress progress("run", 200, 0, false, fileno(file));
    for (int64_t step = 1; step <= 200; ++step) progress.update(step, "loss 1");
    Progress quiet("quiet", 10, 0, true, fileno(file));
    quiet.update(10, "");
  }
  std::fclose(file);
  std::ifstream in(folder.file("log"));
  std::stringstream text;
  text << in.rdbuf();
  const std::string log = text.str();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 10) << log;
  EXPECT_EQ(log.find("quiet"), std::string::npos);
  EXPECT_EQ(log.find('\r'), std::string::npos);
}

TEST(Checksum, OfNothingAndOfText) {
  EXPECT_EQ(checksum(std::string_view()), "99aa06d3014798d86001c324468d497f");  // XXH3-128 of the empty input
  EXPECT_NE(checksum(std::string_view("a")), checksum(std::string_view("b")));
}

}  // namespace
}  // namespace strata
