#pragma once

#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "strata/text/jinja_functions.h"
#include "strata/text/jinja_syntax.h"

namespace strata::jinja {

struct Limits {
  int64_t steps = 4'000'000;  // of work, see Meter
  size_t output = 16 << 20;   // bytes
};

struct Output {
  std::string text;
  std::vector<std::pair<size_t, size_t>> generated;  // bytes [begin, end) that came out of {% generation %} blocks
};

/// Runs a template. `variables` is a dict of what it sees; `now` is the time strftime_now tells; `name` is the template
/// in messages. A template sees nothing but these, can change nothing but its own namespaces, and ends: Error with the
/// line when it goes wrong or beyond the limits.
Output run(const Body& body, const Value& variables, std::time_t now, const Limits& limits, const std::string& name);

}  // namespace strata::jinja
