#include "strata/report/rasterise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "strata/base/error.h"
#include "tests/report/samples.h"
#include "tests/report/xml_check.h"
#include "tests/temporary_folder.h"

// Font look-up caches live until the process ends, and the leak checker of an AddressSanitizer build would count them
// against us.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libfontconfig\n";
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace strata::report {
namespace {

uint32_t big_endian(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

TEST(Rasterise, MakesAPngOfTheAskedWidth) {
  if (!can_rasterise()) GTEST_SKIP() << "built without librsvg";
  const std::string png = rasterise(render_svg(samples::comparison(), Size::narrow), 720);
  ASSERT_GT(png.size(), 2000U);
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(big_endian(png, 16), 720U);
  EXPECT_GT(big_endian(png, 20), 600U);  // the drawing is taller than wide times 0.9
  EXPECT_EQ(png, rasterise(render_svg(samples::comparison(), Size::narrow), 720));
}

TEST(Rasterise, RefusesWhatItCannotDraw) {
  if (!can_rasterise()) {
    EXPECT_THROW(rasterise("<svg/>", 10), Error);
    return;
  }
  const std::string good = render_svg(samples::exits());
  EXPECT_EQ(xml_error(good), "");
  for (const std::string& bad :
       {std::string(), std::string("not xml"), good.substr(0, good.size() / 2),
        std::string("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        std::string("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><title>a & b</title></svg>")})
    EXPECT_THROW(rasterise(bad, 100), Error) << bad.substr(0, 40);
  EXPECT_THROW(rasterise(good, 0), Error);
  EXPECT_THROW(rasterise(good, 1 << 20), Error);
  EXPECT_THROW(rasterise("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 100000\"/>", 100), Error);
}

TEST(Rasterise, WritesWholeFilesOnly) {
  if (!can_rasterise()) GTEST_SKIP() << "built without librsvg";
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/plot.png";
  write_png(path, render_svg(samples::exits()), 300);
  const auto size = std::filesystem::file_size(path);
  EXPECT_THROW(write_png(path, "broken", 300), Error);
  EXPECT_EQ(std::filesystem::file_size(path), size);
  EXPECT_THROW(write_png(folder.path() + "/no/such/plot.png", render_svg(samples::exits()), 300), Error);
}

}  // namespace
}  // namespace strata::report
