#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "strata/base/config.h"
#include "strata/base/error.h"
#include "strata/base/suggest.h"

namespace strata::python {

namespace py = pybind11;

/// Sets the fields of a configuration that a dict names. Throws UsageError for unknown names, types that do not fit and
/// numbers out of range.
template <class Config>
void update_config(Config& config, const py::dict& settings, const std::string& who) {
  for (const auto& [key, value] : settings) {
    const auto name = py::cast<std::string>(key);
    std::vector<std::string> known;
    bool found = false;
    fields(config, [&](const char* field, auto& member, const Range& range = {}) {
      known.emplace_back(field);
      if (name != field) return;
      found = true;
      using Member = std::remove_reference_t<decltype(member)>;
      try {
        member = py::cast<Member>(value);
      } catch (const py::cast_error&) {
        fail_usage(who, ": ", name, ": expected a value like ", std::string(py::repr(py::cast(member))), ", got ",
                   std::string(py::repr(value)));
      }
      if constexpr (std::is_arithmetic_v<Member>) {
        const auto number = static_cast<double>(member);
        if (number < range.low || number > range.high || (range.open_low && number == range.low) ||
            (range.open_high && number == range.high))
          fail_usage(who, ": ", name, ": expected a number from ", range.low, " to ", range.high, ", got ", number);
      }
    });
    if (!found)
      fail_usage(who, ": no setting '", name, "'", suggestion(name, known), "; there are ", join_names(known));
  }
}

/// A configuration as a dict.
template <class Config>
py::dict config_dict(Config config) {
  py::dict result;
  fields(config, [&result](const char* field, auto& member, const Range& = {}) { result[field] = member; });
  return result;
}

}  // namespace strata::python
