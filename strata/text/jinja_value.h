#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace strata::jinja {

class Value;
struct ListData;
struct Dict;
struct Namespace;
struct LoopState;
struct Function;

/// A name that stands for nothing: prints as nothing and is false, but cannot be looked into.
struct Undefined {
  std::string name;
};
struct None {};

/// What an expression of a template evaluates to: plain data, shared and never changed (namespaces excepted).
class Value {
 public:
  using Data = std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const std::string>,
                            std::shared_ptr<const ListData>, std::shared_ptr<const Dict>, std::shared_ptr<Namespace>,
                            std::shared_ptr<const LoopState>, std::shared_ptr<const Function>>;
  Value() = default;
  explicit Value(Data data) : data_(std::move(data)) {}
  static Value undefined(std::string name) { return Value(Undefined{std::move(name)}); }
  static Value none() { return Value(Data(None{})); }
  static Value boolean(bool value) { return Value(Data(value)); }
  static Value integer(int64_t value) { return Value(Data(value)); }
  static Value number(double value) { return Value(Data(value)); }
  static Value text(std::string text) { return Value(Data(std::make_shared<const std::string>(std::move(text)))); }
  /// Lists and dicts throw Error when they are nested deeper than kDeepestValue.
  static Value list(std::vector<Value> items, bool tuple = false);
  static Value dict(Dict dict);
  static Value from_json(const nlohmann::ordered_json& json);

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(data_) || std::holds_alternative<bool>(data_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(data_); }

  const bool* boolean() const { return std::get_if<bool>(&data_); }
  const std::string* text() const { return pointee<const std::string>(); }
  const ListData* list() const { return pointee<const ListData>(); }
  const Dict* dict() const { return pointee<const Dict>(); }
  Namespace* space() const { return pointee<Namespace>(); }
  const LoopState* loop() const { return pointee<const LoopState>(); }
  const Function* function() const { return pointee<const Function>(); }
  /// Of an integer or boolean; of any number. Only after the matching is_.
  int64_t as_integer() const;
  double as_number() const;

  const Data& data() const { return data_; }
  /// How many lists, dicts and loops lie inside each other.
  int depth() const;
  /// About how much there is to print: values, and 64 bytes of text, each count for one, as often as they are met (a
  /// list of twice the same list counts it twice).
  int64_t weight() const;

 private:
  template <class T>
  T* pointee() const {
    const auto* held = std::get_if<std::shared_ptr<T>>(&data_);
    return held ? held->get() : nullptr;
  }
  Data data_;
};

constexpr int kDeepestValue = 100;

struct ListData {
  std::vector<Value> items;
  bool tuple = false;
  int depth = 1;
  int64_t weight = 1;
};

/// A mapping in order of insertion. Keys are texts, numbers, booleans or none.
struct Dict {
  std::vector<std::pair<Value, Value>> items;
  int depth = 1;
  int64_t weight = 1;

  /// Throws Error for a list or dict, as Python does; other values that cannot be keys are not found.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  /// Throws Error for a key that cannot be one (a list, a dict, ...).
  void set(const Value& key, Value value);

 private:
  std::unordered_map<std::string, size_t> index_;
};

/// The one thing a template can change: namespace(a=1), then set ns.a = 2.
struct Namespace {
  std::map<std::string, Value, std::less<>> items;
};

/// `loop` inside a for. The list is what is left after the loop's own filter.
struct LoopState {
  Value list;
  int64_t index0 = 0;
  /// What loop.changed was given last, a tuple. The loop that runs owns it, as the tuple may hold the loop.
  std::weak_ptr<Value> changed = {};
};

struct Macro;
struct Scope;

/// A function of the template language, a method bound to its value, or a macro with the scope it was written in.
struct Function {
  std::string name;
  Value self;
  const Macro* macro = nullptr;
  Scope* scope = nullptr;
};

bool truthy(const Value& value);
/// "a string", "a list": for messages.
std::string type_name(const Value& value);
/// What {{ value }} prints, Python's str(); repr() is what stands inside lists.
std::string to_text(const Value& value);
std::string repr(const Value& value);
bool equal(const Value& a, const Value& b);
/// Of two numbers, texts or lists; throws Error for anything else. Exact between integers and doubles. A NaN is unordered,
/// or the largest number of all if asked for, so that there is an order to sort by.
std::partial_ordering compare(const Value& a, const Value& b, bool nan_is_largest = false);
std::string print_float(double value);

struct JsonStyle {
  std::optional<std::string> indent = {};  // none: all on one line
  std::string item_separator = ", ", key_separator = ": ";
  bool ascii = false, sort_keys = false;
};
/// JSON as Python's json.dumps writes it. Throws Error for what JSON cannot hold.
std::string to_json(const Value& value, const JsonStyle& style);

/// Code points of a UTF-8 text, each as its bytes; a byte that is no UTF-8 stands for itself.
std::vector<std::string_view> characters(std::string_view text);
/// Where the character at an index begins, in bytes; the end of the text when it has fewer.
size_t character_offset(std::string_view text, int64_t index);
/// The last character of a text that is not empty.
std::string_view last_character(std::string_view text);
/// Length in bytes of the white space (as Python has it) at the begin or end of a text.
size_t leading_space(std::string_view text);
size_t trailing_space(std::string_view text);
bool is_space(std::string_view character);

}  // namespace strata::jinja
