#pragma once

#include <string>
#include <string_view>

#include "strata/text/jinja_syntax.h"

namespace strata::jinja {

/// Parses a template of at most 1 MiB, nested at most 200 deep. Throws Error with the line for what is malformed and for
/// statements that would reach beyond the template (include, import, extends).
Body parse(std::string_view source, const std::string& name);

}  // namespace strata::jinja
