// Parser: strata/formats/language_json.cpp strata/formats/vit_json.cpp strata/formats/unknown_keys.cpp
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/language_json.h"
#include "strata/formats/vit_json.h"

namespace {

using nlohmann::json;

void check_language(const json& tree) {
  strata::LanguageConfig config;
  try {
    config = strata::language_from_json(tree, "input");
  } catch (const strata::Error&) {
    return;
  }
  // Whatever a family's file said can be said in one.
  const auto written = strata::language_to_json(config, tree, "float32");
  const auto again = strata::language_from_json(strata::parse_json(written.dump(), "again"), "again");
  if (strata::language_to_json(again, tree, "float32") != written) std::abort();
  config.family = "llama";
  try {
    (void)strata::language_to_json(config, nlohmann::ordered_json::object(), "float32");
  } catch (const strata::Error&) {
    return;
  }
}

void check_vit(const json& tree) {
  std::vector<std::string> names, same;
  strata::VitConfig config;
  try {
    config = strata::vit_from_json(tree, "input", names);
  } catch (const strata::Error&) {
    return;
  }
  if (!names.empty() && config.classes != std::ssize(names)) std::abort();
  if (config.classes == strata::kUnsaid) config.classes = 1;  // where the file does not say it, the tensors do
  const auto written = strata::vit_to_json(config, names, tree, "float32");
  auto again = strata::vit_from_json(strata::parse_json(written.dump(), "again"), "again", same);
  if (names.empty()) again.classes = config.classes;
  if (same != names || strata::vit_to_json(again, names, tree, "float32") != written) std::abort();
}

}  // namespace

// Any config.json is refused by an Error, or is a language model's or a vision transformer's and the same when written
// and read.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  json tree;
  try {
    tree = strata::parse_json({reinterpret_cast<const char*>(data), size}, "input");
  } catch (const strata::Error&) {
    return 0;
  }
  check_language(tree);
  check_vit(tree);
  return 0;
}
