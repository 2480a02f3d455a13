#include "strata/blocks/taps.h"

#include "strata/base/error.h"

namespace strata {
namespace {

// `*` at the end matches the rest; elsewhere it matches within one dot-separated component.
bool matches(std::string_view pattern, std::string_view name) {
  while (!pattern.empty()) {
    if (pattern == "*") return true;
    if (pattern[0] == '*') {
      pattern.remove_prefix(1);
      size_t taken = 0;
      for (;; ++taken) {
        if (matches(pattern, name.substr(taken))) return true;
        if (taken == name.size() || name[taken] == '.') return false;
      }
    }
    if (name.empty() || name[0] != pattern[0]) return false;
    pattern.remove_prefix(1);
    name.remove_prefix(1);
  }
  return name.empty();
}

}  // namespace

bool Taps::wants(std::string_view name) const {
  for (const auto& pattern : wanted_)
    if (matches(pattern, name)) return true;
  return false;
}

void Taps::record(const std::string& name, const Tensor& value) {
  if (!wants(name)) return;
  if (!values_.emplace(name, value).second) fail("taps: '", name, "' was recorded twice in one pass");
}

std::vector<std::string> Taps::missing() const {
  std::vector<std::string> names;
  for (const auto& name : wanted_)
    if (name.find('*') == std::string::npos && !values_.contains(name)) names.push_back(name);
  return names;
}

const Tensor& Taps::at(std::string_view name) const {
  const auto found = values_.find(name);
  if (found != values_.end()) return found->second;
  std::string known;
  for (const auto& [key, value] : values_) known += (known.empty() ? "" : ", ") + key;
  fail("taps: nothing recorded as '", name, "'; recorded: ", known.empty() ? "nothing" : known);
}

}  // namespace strata
