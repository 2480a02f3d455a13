#include "strata/report/rasterise.h"

#include <cmath>
#include <memory>

#include "strata/base/error.h"
#include "strata/base/file.h"

#ifdef STRATA_WITH_RSVG
#include <librsvg/rsvg.h>
#endif

namespace strata::report {

#ifdef STRATA_WITH_RSVG

bool can_rasterise() {
  return true;
}

namespace {

[[noreturn]] void fail_with(const char* step, GError* error) {
  const std::string reason = error != nullptr ? error->message : "no reason given";
  if (error != nullptr) g_error_free(error);
  fail("PNG: expected a drawing librsvg can ", step, ", found: ", reason);
}

cairo_status_t append(void* target, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(target)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

std::string rasterise(std::string_view svg, int pixel_width) {
  constexpr int largest_width = 16384;
  if (pixel_width < 1 || pixel_width > largest_width)
    fail("PNG: expected a width of 1 to ", largest_width, " pixels, found ", pixel_width);
  GError* error = nullptr;
  const std::unique_ptr<RsvgHandle, decltype(&g_object_unref)> handle(
      rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error), g_object_unref);
  if (!handle) fail_with("read", error);
  gboolean has_width = FALSE, has_height = FALSE, has_box = FALSE;
  RsvgLength width{}, height{};
  RsvgRectangle box{};
  rsvg_handle_get_intrinsic_dimensions(handle.get(), &has_width, &width, &has_height, &height, &has_box, &box);
  if (!has_box || !(box.width > 0) || !(box.height > 0))
    fail("PNG: expected a drawing with a viewBox of positive size, found none");
  const double pixel_height = std::ceil(pixel_width * box.height / box.width);
  if (!(pixel_height <= 2 * largest_width))
    fail("PNG: expected a height of at most ", 2 * largest_width, " pixels, found ", pixel_height,
         "; ask for a smaller width");

  const std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, pixel_width, static_cast<int>(pixel_height)),
      cairo_surface_destroy);
  const std::unique_ptr<cairo_t, decltype(&cairo_destroy)> context(cairo_create(surface.get()), cairo_destroy);
  cairo_set_source_rgb(context.get(), 1, 1, 1);
  cairo_paint(context.get());
  const RsvgRectangle viewport{0, 0, static_cast<double>(pixel_width), pixel_height};
  if (!rsvg_handle_render_document(handle.get(), context.get(), &viewport, &error)) fail_with("draw", error);
  std::string png;
  const cairo_status_t status = cairo_surface_write_to_png_stream(surface.get(), append, &png);
  if (status != CAIRO_STATUS_SUCCESS) fail("PNG: could not be encoded: ", cairo_status_to_string(status));
  return png;
}

#else

bool can_rasterise() {
  return false;
}

std::string rasterise(std::string_view, int) {
  fail(
      "PNG: this build cannot draw PNG files; install librsvg2-dev and fonts-dejavu-core, then build again (the HTML "
      "report needs neither)");
}

#endif

void write_png(const std::string& path, std::string_view svg, int pixel_width) {
  write_file_atomic(path, rasterise(svg, pixel_width));
}

}  // namespace strata::report
