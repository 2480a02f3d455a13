// Parser: strata/formats/yaml.cpp
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "strata/base/error.h"
#include "strata/formats/yaml.h"

namespace strata {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

// Walks the whole tree, so that the sanitizers see all of it.
int64_t count(const YamlNode& node) {
  int64_t nodes = 1 + (node.text.empty() ? 0 : node.text.back() == '\0');
  for (const auto& item : node.items) nodes += count(item);
  for (const auto& [key, value] : node.entries) {
    const YamlNode* found = node.find(key);
    require(found == nullptr ? value.kind == YamlNode::Kind::null : found == &value, "keys are unique");
    nodes += count(value);
  }
  return nodes;
}

void parse(std::string_view text) {
  try {
    require(count(parse_yaml(text, "fuzz.yml")) <= 20'000, "the number of values is bounded");
  } catch (const Error& error) {
    require(std::string_view(error.what()).starts_with("fuzz.yml"), "an error names its place");
  }
}

}  // namespace
}  // namespace strata

// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::parse({reinterpret_cast<const char*>(data), size});
  return 0;
}
