#include "strata/text/jinja_signatures.h"

#include <cstddef>
#include <vector>

#include "strata/base/error.h"

namespace strata::jinja {
namespace {

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    result.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

}  // namespace

void check_arguments(std::string_view kind, const Signature& signature, const Arguments& arguments) {
  if (signature.parameters == "*" || (arguments.positional.empty() && arguments.named.empty())) return;
  const auto parameters = words(signature.parameters);
  if (arguments.positional.size() > parameters.size())
    fail("the ", kind, " '", signature.name, "': expected at most ", parameters.size(), " arguments, found ",
         arguments.positional.size());
  for (const auto& [key, value] : arguments.named) {
    const auto parameter = std::find(parameters.begin(), parameters.end(), key);
    if (parameter == parameters.end())
      fail("the ", kind, " '", signature.name, "' takes no argument '", key.substr(0, 40), "'");
    if (parameter - parameters.begin() < std::ssize(arguments.positional))
      fail("the ", kind, " '", signature.name, "': expected the argument '", key, "' once, found it twice");
  }
}

}  // namespace strata::jinja
