#pragma once

#include <string>

#include "strata/base/error.h"
#include "strata/report/rasterise.h"

namespace strata::report {

/// What an independent reader (libxml2 inside librsvg) says against `svg`; empty when it is well formed and can be
/// drawn, or when the build has no such reader. The name space that inlining in HTML leaves out is added first.
inline std::string xml_error(std::string svg) {
  if (!can_rasterise()) return "";
  if (svg.find("xmlns") == std::string::npos) svg.insert(svg.find("<svg") + 4, " xmlns=\"http://www.w3.org/2000/svg\"");
  try {
    rasterise(svg, 60);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace strata::report
