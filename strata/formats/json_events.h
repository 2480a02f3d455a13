#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "strata/base/error.h"
#include "strata/base/suggest.h"

namespace strata {

/// Base of handlers for JSON that cannot be trusted: values arrive one by one, so that a hostile text of 100 MB is
/// refused at the byte that proves it hostile, in constant memory (a tree or an index of the text would take several
/// times its size). Refuses the scalars that a derived handler does not take; objects, lists and keys are the handler's
/// own. A handler refuses by throwing Error.
class JsonEvents {
 public:
  virtual ~JsonEvents() = default;

  // The names are those that nlohmann::json::sax_parse calls; a derived class hides what it takes.
  bool null() { refuse("null"); }
  bool boolean(bool value) { refuse(value ? "true" : "false"); }
  bool number_integer(int64_t value) { refuse("the negative number " + std::to_string(value)); }
  bool number_unsigned(uint64_t value) { refuse("the number " + std::to_string(value)); }
  bool number_float(double, const std::string& text) { refuse("the number " + text.substr(0, 40)); }
  bool string(const std::string& text) { refuse("the text " + in_quotes(text)); }
  bool binary(const nlohmann::json::binary_t&) { refuse("binary data"); }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& error) {
    fail(context(), ": malformed JSON: ", std::string(error.what()).substr(0, 400));
  }

  /// Where in which file we are, and what may come next: the two halves of a message.
  virtual std::string context() const = 0;
  virtual std::string expected() const = 0;
  [[noreturn]] void refuse(const std::string& found) const {
    fail(context(), ": expected ", expected(), ", found ", found);
  }
};

/// Sends a JSON text through a handler; the text must hold exactly one value.
template <class Handler>
void parse_json_events(std::string_view text, Handler& handler) {
  // The library takes a NUL for the end of the text and would ignore what follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos)
    fail(handler.context(), ": malformed JSON: byte ", nul, " is NUL");
  nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
}

}  // namespace strata
