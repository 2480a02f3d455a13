#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace strata {

/// What a user did or a file holds is wrong: the message says who complains, what was expected, what was found and what to do. Exit code 1.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The command line or a recipe is wrong before any work began. Exit code 2.
struct UsageError : Error {
  using Error::Error;
};

namespace detail {
template <class... Parts>
std::string concatenate(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}
}  // namespace detail

/// Throws Error with all parts printed one after the other.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(detail::concatenate(parts...));
}

/// Throws UsageError with all parts printed one after the other.
template <class... Parts>
[[noreturn]] void fail_usage(const Parts&... parts) {
  throw UsageError(detail::concatenate(parts...));
}

}  // namespace strata
