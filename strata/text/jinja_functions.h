#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/text/jinja_value.h"

namespace strata::jinja {

/// What a template may still do: every operation, and every 64 bytes of text made, costs one step.
class Meter {
 public:
  explicit Meter(int64_t steps) : left_(steps), all_(steps) {}
  /// Throws Error when the steps are used up.
  void charge(int64_t steps);

 private:
  int64_t left_, all_;
};

/// The arguments of a call, as written.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  /// The argument at a position or of a name; nullptr when it was not given.
  const Value* get(size_t position, std::string_view name) const;
  /// The same without the first `count` positional ones.
  Arguments after(size_t count) const;
};

/// Throws Error naming `who` for what is no whole number.
int64_t integer_of(const Value& value, std::string_view who);

/// value | name(arguments). Throws Error for unknown filters and wrong arguments.
Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments, Meter& meter);
/// value is name(arguments).
bool apply_test(const std::string& name, const Value& value, const Arguments& arguments, Meter& meter);
/// Whether value.name is a method that templates may call, and the call.
bool has_method(const Value& value, std::string_view name);
Value call_method(const Value& self, const std::string& name, const Arguments& arguments, Meter& meter);
/// range, namespace, dict, raise_exception, strftime_now.
bool is_global(std::string_view name);
Value call_global(const std::string& name, const Arguments& arguments, Meter& meter, std::time_t now);

/// value.name: methods, keys of dicts, what a namespace or loop holds; undefined when there is none.
Value attribute(const Value& value, const std::string& name);
/// value[key].
Value item(const Value& value, const Value& key);
/// What a for runs over: items, keys, characters.
std::vector<Value> iterate(const Value& value, Meter& meter);
bool contains(const Value& container, const Value& value, Meter& meter);

}  // namespace strata::jinja
