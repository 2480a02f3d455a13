#pragma once

#include <string>

#include "strata/base/error.h"

namespace strata {

/// What a call that throws an Error says; "" when it throws none.
template <class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace strata
