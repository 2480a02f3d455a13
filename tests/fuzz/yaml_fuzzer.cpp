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

template <class Read>
void read(Read&& read) {
  try {
    (void)read();
  } catch (const Error& error) {
    require(std::string_view(error.what()).starts_with("fuzz.yml"), "an error names its place");
  }
}

// As each kind of value.
void read_all_ways(const YamlNode& node) {
  read([&] { return node.as_text("it"); });
  read([&] { return node.as_number("it"); });
  read([&] { return node.as_integer("it"); });
  read([&] { return node.as_boolean("it"); });
  read([&] { return node.as_list("it").size(); });
  read([&] { return node.as_map("it").size(); });
}

void parse(std::string_view text) {
  try {
    const YamlNode root = parse_yaml(text, "fuzz.yml");
    require(count(root) <= 20'000, "the number of values is bounded");
    read_all_ways(root);
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
