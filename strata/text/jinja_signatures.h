#pragma once

#include <algorithm>
#include <string_view>

#include "strata/text/jinja_functions.h"

namespace strata::jinja {

/// A function of the template language. `parameters` are names in order, apart by spaces: "-" takes no name, as most of
/// Python's own methods do not; "*" stands for any number of arguments of any name.
struct Signature {
  std::string_view name, parameters;
};

/// The entry of a table of signatures, or of what is derived from them; null for a name that it does not hold.
template <class Table>
auto* entry_of(const Table& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

/// Throws Error for more arguments than the function takes, names it does not know, and arguments given twice.
/// `kind` stands in messages: "filter".
void check_arguments(std::string_view kind, const Signature& signature, const Arguments& arguments);

}  // namespace strata::jinja
