// Parser: strata/base/config.cpp
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/config.h"
#include "strata/base/error.h"

namespace {

enum class Shape { cosine, linear };
inline auto enum_names(Shape) {
  return std::array{strata::EnumName{"cosine", Shape::cosine}, strata::EnumName{"linear", Shape::linear}};
}

// One field of each kind.
struct Inner {
  int64_t count = 3;
  double rate = 0.5;
  bool operator==(const Inner&) const = default;
};
template <class Visit>
void fields(Inner& c, Visit&& visit) {
  visit("count", c.count, strata::at_least(1));
  visit("rate", c.rate, strata::above(0));
}

struct Outer {
  std::string name = "run";
  bool flag = false;
  Shape shape = Shape::cosine;
  int small = 1;
  float share = 0.1F;
  std::optional<double> clip;
  Inner inner;
  std::vector<int64_t> sizes{1, 2};
  std::vector<std::string> tags;
  std::vector<Inner> list;
  bool operator==(const Outer&) const = default;
};
template <class Visit>
void fields(Outer& c, Visit&& visit) {
  visit("name", c.name);
  visit("flag", c.flag);
  visit("shape", c.shape);
  visit("small", c.small);
  visit("share", c.share, strata::below(0, 1));
  visit("clip", c.clip);
  visit("inner", c.inner);
  visit("sizes", c.sizes, strata::between(1, 4096));
  visit("tags", c.tags);
  visit("list", c.list);
}

// What was read is the same when it is written and read again.
void check(const Outer& config) {
  const std::string written = strata::print_toml(strata::config_node(config));
  Outer again;
  strata::read_config(again, strata::parse_toml(written, "written"));
  if (!(again == config) || strata::print_toml(strata::config_node(again)) != written) std::abort();
}

}  // namespace

// Any text is, as a recipe and as a change of one (--set), either refused by an Error or read to the same config again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Outer config;
  try {
    const strata::ConfigNode tree = strata::parse_toml(text, "input");
    (void)strata::print_json(tree);
    strata::read_config(config, tree);
    check(config);
  } catch (const strata::UsageError&) {
    config = {};
  }
  try {
    strata::override_config(config, text);
    check(config);
  } catch (const strata::UsageError&) {
    return 0;
  }
  return 0;
}
