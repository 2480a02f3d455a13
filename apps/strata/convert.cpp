#include "strata/formats/convert.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/strata/verbs.h"
#include "strata/base/progress.h"

namespace strata::cli {

void convert(const Common& common, const Convert& options) {
  const ConvertReport report = convert_checkpoint(options.in, options.out, {.to = options.to, .dtype = options.dtype});
  if (common.json) {
    const nlohmann::ordered_json json{{"in", options.in},      {"out", options.out},
                                      {"to", report.to},       {"tensors", report.tensors},
                                      {"bytes", report.bytes}, {"warnings", report.warnings}};
    std::cout << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    return;
  }
  for (const auto& warning : report.warnings) std::cerr << "strata convert: note: " << warning << "\n";
  std::cout << options.out << ": " << report.tensors << " tensors, " << bytes_text(static_cast<double>(report.bytes))
            << "\n";
}

}  // namespace strata::cli
